#!/usr/bin/env node
'use strict'
// CommonJS and old syntax on purpose: this file must run on any Node that exists, to say which one is needed.
var needed = [24, 12]
var version = process.versions.node.split('.').map(Number)
if (version[0] < needed[0] || (version[0] === needed[0] && version[1] < needed[1])) {
  process.stderr.write(
    'moldau needs Node ' +
      needed.join('.') +
      ' or newer, this is ' +
      process.versions.node +
      ' (' +
      process.execPath +
      ').\n' +
      'Remedy: install a current Node (nodejs.org, nvm install 24, or your package manager), or run this once with\n' +
      '  npx -y -p node@24 -p moldau moldau ' +
      process.argv.slice(2).join(' ') +
      '\n',
  )
  process.exit(1)
}
import('../dist/cli/main.js').catch(function (error) {
  process.stderr.write('moldau: ' + (error && error.stack ? error.stack : error) + '\n')
  process.exit(1)
})
