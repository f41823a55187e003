// Loaded into the program (`node --import`): sees its changes of the disk. CRASH_MODE says what becomes of them:
//   count   nothing; their names are written down, one a line
//   kill    at change CRASH_AT the process is killed; a write is half done then
//   fail    that one change fails
//   full    from there on whatever takes space fails, the first write half-way: a full disk
//   pause   before that change the process waits until somebody makes the file CRASH_PAUSE + '.go'
//   record  each change is written to CRASH_JOURNAL, with all its bytes, and each flush
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { CRASH_AT, CRASH_COUNT, CRASH_JOURNAL, CRASH_PAUSE, CRASH_MODE: mode = 'count' } = process.env;
const failAt = Number(CRASH_AT ?? 0);
const exists = fs.existsSync;
const TAKES_SPACE = new Set(['open', 'write', 'writeFile', 'appendFile', 'mkdir', 'link']);
const pathOf = new WeakMap();
let changes = 0;
let isInside = false;

/** Not by the functions that are watched. */
function append(file, text) {
  const fd = fs.openSync(file, 'a');
  fs.writeSync(fd, text);
  fs.closeSync(fd);
}

/** Another process may do what it likes meanwhile; this one stands still. */
function pause() {
  append(`${CRASH_PAUSE}.here`, '');
  const cell = new Int32Array(new SharedArrayBuffer(4));
  while (!exists(`${CRASH_PAUSE}.go`)) Atomics.wait(cell, 0, 0, 20);
}

/** True when this change is the one that is to go wrong. */
function isHit(name) {
  const kind = name.replace('Sync', '');
  changes += 1;
  if (CRASH_COUNT !== undefined) append(CRASH_COUNT, `${kind}\n`);
  if (mode === 'full') return changes >= failAt && TAKES_SPACE.has(kind);
  if (changes !== failAt) return false;
  if (mode === 'pause') pause();
  return mode === 'kill' || mode === 'fail';
}

function goWrong() {
  if (mode === 'kill') process.kill(process.pid, 'SIGKILL');
  const code = mode === 'full' ? 'ENOSPC' : 'EIO';
  throw Object.assign(new Error(`${code}: made up`), { code, syscall: 'write', errno: -5 });
}

const toText = (data) => Buffer.from(typeof data === 'string' ? Buffer.from(data) : data).toString('base64');

function note(name, target, args) {
  if (mode !== 'record') return;
  const kind = name.replace('Sync', '');
  const entry = { kind, target };
  if (kind === 'write') {
    const [data, offset = 0, length = data.byteLength - offset, position = null] = args;
    Object.assign(entry, { data: toText(data.subarray(offset, offset + length)), position });
  } else if (kind === 'writeFile' || kind === 'appendFile') entry.data = toText(args[0]);
  else if (kind === 'truncate' || kind === 'ftruncate') entry.length = args[0] ?? 0;
  else if (kind === 'rename' || kind === 'link') entry.to = args[0];
  append(CRASH_JOURNAL, `${JSON.stringify(entry)}\n`);
}

function wrapSync(name) {
  const original = fs[name];
  fs[name] = (...args) => {
    // Some of these are made of others.
    if (isInside) return original(...args);
    if (isHit(name)) goWrong();
    isInside = true;
    try {
      const result = original(...args);
      if (typeof args[0] === 'string') note(name, args[0], args.slice(1));
      return result;
    } finally {
      isInside = false;
    }
  };
}

function wrapPromise(owner, name) {
  const original = owner[name];
  owner[name] = async function changed(...args) {
    if (isHit(name)) {
      const [data, offset = 0] = args;
      if (name === 'write' && mode !== 'fail') await original.call(this, data, offset, (data.byteLength - offset) >> 1);
      goWrong();
    }
    const result = await original.apply(this, args);
    if (owner === fs.promises) note(name, String(args[0]), args.slice(1));
    else note(name, pathOf.get(this), args);
    return result;
  };
}

for (const name of ['rename', 'link', 'unlink', 'rm', 'rmdir', 'mkdir', 'appendFile', 'truncate', 'writeFile']) {
  wrapPromise(fs.promises, name);
}
for (const name of ['appendFileSync', 'writeFileSync', 'renameSync', 'mkdirSync', 'ftruncateSync', 'rmSync'])
  wrapSync(name);

const { open } = fs.promises;
let isPatched = false;
let handles = 0;
fs.promises.open = async (file, flags, ...rest) => {
  const isChange = typeof flags === 'string' && /[wax]/.test(flags);
  if (isChange && isHit('open')) goWrong();
  const handle = await open(file, flags, ...rest);
  handles += 1;
  pathOf.set(handle, isChange ? `#${handles}` : String(file));
  if (isChange && mode === 'record') {
    append(CRASH_JOURNAL, `${JSON.stringify({ kind: 'open', target: String(file), flags, handle: `#${handles}` })}\n`);
  }
  if (!isPatched) {
    isPatched = true;
    const prototype = Object.getPrototypeOf(handle);
    for (const name of ['write', 'writeFile', 'sync', 'truncate']) wrapPromise(prototype, name);
  }
  return handle;
};
syncBuiltinESMExports();
