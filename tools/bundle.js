#!/usr/bin/env node
/**
 * Puts the command line, which is some 400 modules, into a few files: node finds, reads and links those in half the time, and each command pays for it.
 * `bundle.js [DIST]` reads DIST/cli and writes DIST/bundle. What is loaded on demand (the engines) stays apart. The files lie as deep as what they are
 * made of, so that paths relative to them hold.
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { rolldown } from 'rolldown';

const root = resolve(import.meta.dirname, '..');
const dist = resolve(process.argv[2] ?? join(root, 'dist'));
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const bundle = await rolldown({
  // The thread is started from a file of its own; the tests run the program without a process for each command.
  input: {
    skep: join(dist, 'cli/main.js'),
    program: join(dist, 'cli/program.js'),
    'socket-thread': join(dist, 'server/socket-thread.js'),
  },
  platform: 'node',
  external: (id) => id.startsWith('node:') || Object.keys(dependencies).some((name) => id.startsWith(name)),
  logLevel: 'warn',
});
await bundle.write({ dir: join(dist, 'bundle'), format: 'esm', chunkFileNames: '[name].js' });
