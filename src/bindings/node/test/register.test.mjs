// SPDX-License-Identifier: Apache-2.0
// node --import otelue/register: programs that the environment alone lets export, to recordings.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const REGISTER = new URL('../dist/register.js', import.meta.url);
// The resource has the program too, so it does not spell the name.
const COUNT = `
  const { metrics } = require('@opentelemetry/api');
  const counter = metrics.getMeter('m').createCounter('req' + 'uests');
  counter.add(1, { 'http.request.method': 'GET' });
`;
let directory;
let path;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'otelue-'));
  path = join(directory, 'recording');
});

afterEach(() => rmSync(directory, { recursive: true }));

function start(program, environment = {}, how = ['--import', REGISTER.href]) {
  const env = {
    ...process.env,
    OTEL_METRICS_EXPORTER: 'user_events',
    OTEL_EXPORTER_USER_EVENTS_RECORDING: path,
    OTEL_SERVICE_NAME: 'shop',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    OTEL_LOG_LEVEL: 'warn',
    ...environment,
  };
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  return spawn(process.execPath, [...how, '--eval', program], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** How it ends, and what it says. */
async function end(child) {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  const [code, signal] = await once(child, 'close');
  return { code, signal, output };
}

const recorded = () => readFileSync(path, 'latin1');
const count = (text, what) => text.split(what).length - 1;

test('a program that ends is flushed, with the resource of the environment', async () => {
  assert.deepEqual(await end(start(COUNT)), { code: 0, signal: null, output: '' });
  for (const text of ['requests', 'GET', 'shop', 'deployment.environment.name', 'process.pid', 'host.name']) {
    assert.ok(recorded().includes(text), text);
  }
  assert.equal(count(recorded(), 'requests'), 1);
});

test('--require will do', async () => {
  const child = start(COUNT, {}, ['--require', fileURLToPath(REGISTER)]);
  assert.deepEqual(await end(child), { code: 0, signal: null, output: '' });
  assert.equal(count(recorded(), 'requests'), 1);
});

test('it exports in intervals', async () => {
  const program = `${COUNT} setInterval(() => counter.add(1), 50);`;
  const child = start(program, { OTEL_METRIC_EXPORT_INTERVAL: '100' });
  while (!existsSync(path) || count(recorded(), 'requests') < 3) await new Promise((done) => setTimeout(done, 20));
  child.kill('SIGKILL');
  await once(child, 'close');
});

test('a signal ends the program as without it, after a flush', async () => {
  const child = start(`${COUNT} setInterval(() => {}, 1000); console.log('ready');`);
  child.stdout.once('data', () => child.kill('SIGTERM'));
  const { code, signal } = await end(child);
  assert.deepEqual({ code, signal }, { code: null, signal: 'SIGTERM' });
  assert.equal(count(recorded(), 'requests'), 1);
});

test('a program that handles the signal ends by itself', async () => {
  const handle = "process.on('SIGTERM', () => setTimeout(() => process.exit(3), 300));";
  const child = start(`${handle} ${COUNT} setInterval(() => {}, 1000); console.log('ready');`);
  child.stdout.once('data', () => child.kill('SIGTERM'));
  const { code, signal } = await end(child);
  assert.deepEqual({ code, signal }, { code: 3, signal: null });
  assert.equal(count(recorded(), 'requests'), 1);
});

test('forked children and threads export too', async () => {
  const program = `
    const { isMainThread, Worker } = require('node:worker_threads');
    const cluster = require('node:cluster');
    ${COUNT}
    if (cluster.isPrimary && isMainThread) {
      process.env.OTEL_EXPORTER_USER_EVENTS_RECORDING += '.child';
      cluster.fork();
      process.env.OTEL_EXPORTER_USER_EVENTS_RECORDING += '.thread';
      new Worker(__filename);
    } else if (isMainThread) {
      cluster.worker.disconnect();
    }
  `;
  const file = join(directory, 'program.cjs');
  writeFileSync(file, program);
  const modules = fileURLToPath(new URL('../node_modules', import.meta.url));
  const env = {
    ...process.env,
    NODE_PATH: modules,
    OTEL_METRICS_EXPORTER: 'user_events',
    OTEL_EXPORTER_USER_EVENTS_RECORDING: path,
  };
  const forking = spawn(process.execPath, ['--import', REGISTER.href, file], { env, stdio: 'inherit' });
  assert.deepEqual(await once(forking, 'close'), [0, null]);
  for (const suffix of ['', '.child', '.child.thread']) {
    assert.equal(count(readFileSync(path + suffix, 'latin1'), 'requests'), 1, suffix);
  }
});

test('it leaves a program alone that wants another exporter, or none', async () => {
  for (const environment of [
    { OTEL_METRICS_EXPORTER: 'otlp' },
    { OTEL_METRICS_EXPORTER: '' },
    { OTEL_SDK_DISABLED: 'true' },
  ]) {
    assert.deepEqual(await end(start(COUNT, environment)), { code: 0, signal: null, output: '' });
    assert.ok(!existsSync(path));
  }
});

test('it says what it does not set up', async () => {
  const { output } = await end(start(COUNT, { OTEL_METRICS_EXPORTER: 'console,user_events' }));
  assert.match(output, /otelue\/register sets up user_events, and not console\n$/);
  assert.equal(count(recorded(), 'requests'), 1);
});

test("it works beside sdk-node's NodeSDK", async () => {
  const program = `
    const { NodeSDK } = require('@opentelemetry/sdk-node');
    const sdk = new NodeSDK({ autoDetectResources: false });
    sdk.start();
    ${COUNT}
    sdk.shutdown();
  `;
  const { code } = await end(start(program, { OTEL_TRACES_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none' }));
  assert.equal(code, 0);
  assert.equal(count(recorded(), 'requests'), 1);
});
