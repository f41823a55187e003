// Sees a command's changes of the disk. Loaded into the program (`node --import`), where CRASH_... says what becomes of them; or into the
// process of the test, where `runWatched` says it for one command. The mode:
//   count   nothing; their names are written down
//   kill    at change `at` the command is killed; a write is half done then
//   fail    that one change fails
//   full    from there on whatever takes space fails, the first write half-way: a full disk
//   pause   before that change (with `reads`: before that reading or change) the process waits until somebody makes the file `pause` + '.go',
//           or in the process of the test until `onPause` has ended; changes that nothing waits for are not held there
//   record  each change is written down, with all its bytes, and each flush
import { AsyncLocalStorage } from 'node:async_hooks';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const TAKES_SPACE = new Set(['open', 'write', 'writeFile', 'appendFile', 'mkdir', 'link']);
const CHANGES = ['rename', 'link', 'unlink', 'rm', 'rmdir', 'mkdir', 'appendFile', 'truncate', 'writeFile'];
const SYNC_CHANGES = ['appendFileSync', 'writeFileSync', 'renameSync', 'mkdirSync', 'ftruncateSync', 'rmSync'];
const READS = ['readFile', 'readdir', 'stat'];
/** Milliseconds that a command has to report the error that it was killed by. */
const LAST_WORDS_MS = 1000;

const exists = fs.existsSync;
const pathOf = new WeakMap();
const storage = new AsyncLocalStorage();
let isInside = false;
let handles = 0;

/** Not by the functions that are watched. */
function append(file, text) {
  const fd = fs.openSync(file, 'a');
  fs.writeSync(fd, text);
  fs.closeSync(fd);
}

function makeSession({ mode, at = 0, pause, reads = false, onPause, onChange = () => {}, onEntry = () => {} }) {
  return { mode, at, pause, reads, onPause, onChange, onEntry, changes: 0, running: 0, isDead: false, open: new Set() };
}

/** The whole process is one command: its session comes from the environment. */
function sessionOfProcess() {
  const { CRASH_MODE: mode, CRASH_AT, CRASH_COUNT, CRASH_JOURNAL, CRASH_PAUSE: pause, CRASH_READS } = process.env;
  if (mode === undefined) return undefined;
  const session = makeSession({
    mode,
    at: Number(CRASH_AT ?? 0),
    pause,
    reads: CRASH_READS !== undefined,
    ...(CRASH_COUNT === undefined ? {} : { onChange: (kind) => append(CRASH_COUNT, `${kind}\n`) }),
    ...(CRASH_JOURNAL === undefined ? {} : { onEntry: (entry) => append(CRASH_JOURNAL, `${JSON.stringify(entry)}\n`) }),
  });
  return { ...session, die: () => process.kill(process.pid, 'SIGKILL') };
}

const ofProcess = sessionOfProcess();
const current = () => storage.getStore() ?? ofProcess;

/** Another process may do what it likes meanwhile; this one stands still. */
function waitFor(pause) {
  append(`${pause}.here`, '');
  const cell = new Int32Array(new SharedArrayBuffer(4));
  while (!exists(`${pause}.go`)) Atomics.wait(cell, 0, 0, 20);
}

/** True when this change is the one that is to go wrong. */
function isHit(session, name, isReading = false) {
  const kind = name.replace('Sync', '');
  session.changes += 1;
  session.onChange(isReading ? `read ${kind}` : kind, !name.endsWith('Sync'));
  if (session.mode === 'full') return session.changes >= session.at && TAKES_SPACE.has(kind);
  if (session.changes !== session.at) return false;
  if (session.pause !== undefined) waitFor(session.pause);
  return session.mode === 'kill' || session.mode === 'fail';
}

/** Another command may do what it likes meanwhile. */
async function waitWhereHeld(session) {
  if (session.mode !== 'pause' || session.changes !== session.at || session.onPause === undefined) return;
  const { onPause } = session;
  session.onPause = undefined;
  await onPause();
}

function goWrong(session) {
  if (session.mode === 'kill') {
    session.hasThrown = true;
    session.die();
  }
  const code = session.mode === 'full' ? 'ENOSPC' : 'EIO';
  throw Object.assign(new Error(`${code}: made up`), { code, syscall: 'write', errno: -5 });
}

const never = () => new Promise(() => {});
const toText = (data) => Buffer.from(typeof data === 'string' ? Buffer.from(data) : data).toString('base64');

function note(session, name, target, args) {
  if (session.mode !== 'record') return;
  const kind = name.replace('Sync', '');
  const entry = { kind, target };
  if (kind === 'write') {
    const [data, offset = 0, length = data.byteLength - offset, position = null] = args;
    Object.assign(entry, { data: toText(data.subarray(offset, offset + length)), position });
  } else if (kind === 'writeFile' || kind === 'appendFile') entry.data = toText(args[0]);
  else if (kind === 'truncate' || kind === 'ftruncate') entry.length = args[0] ?? 0;
  else if (kind === 'rename' || kind === 'link') entry.to = args[0];
  session.onEntry(entry);
}

function wrapSync(name) {
  const original = fs[name];
  fs[name] = (...args) => {
    const session = current();
    // Some of these are made of others.
    if (isInside || session === undefined) return original(...args);
    if (session.isDead || isHit(session, name)) goWrong(session);
    isInside = true;
    try {
      const result = original(...args);
      if (typeof args[0] === 'string') note(session, name, args[0], args.slice(1));
      return result;
    } finally {
      isInside = false;
    }
  };
}

/** A killed command does nothing more, and does not come to know that it was. */
async function goWrongHalfWay(session, write) {
  if (write !== undefined && session.mode !== 'fail') await write();
  if (session.mode !== 'kill') goWrong(session);
  session.die();
  return never();
}

async function doWatched(session, work) {
  session.running += 1;
  try {
    return await work();
  } finally {
    session.running -= 1;
  }
}

function wrapPromise(owner, name) {
  const original = owner[name];
  owner[name] = async function changed(...args) {
    const session = current();
    if (session === undefined) return original.apply(this, args);
    if (session.isDead) return never();
    if (isHit(session, name)) {
      const [data, offset = 0] = args;
      const writes = {
        write: () => original.call(this, data, offset, (data.byteLength - offset) >> 1),
        writeFile: () => original.call(this, data.subarray(0, data.byteLength >> 1)),
      };
      return goWrongHalfWay(session, owner === fs.promises ? undefined : writes[name]);
    }
    await waitWhereHeld(session);
    const result = await doWatched(session, () => original.apply(this, args));
    if (owner === fs.promises) note(session, name, String(args[0]), args.slice(1));
    else note(session, name, pathOf.get(this), args);
    return result;
  };
}

function wrapRead(owner, name) {
  const original = owner[name];
  owner[name] = async function read(...args) {
    const session = current();
    if (session?.reads) {
      isHit(session, name, true);
      await waitWhereHeld(session);
    }
    return original.apply(this, args);
  };
}

for (const name of CHANGES) wrapPromise(fs.promises, name);
for (const name of READS) wrapRead(fs.promises, name);
for (const name of SYNC_CHANGES) wrapSync(name);

const { open } = fs.promises;
let isPatched = false;
fs.promises.open = async (file, flags, ...rest) => {
  const session = current();
  const isChange = typeof flags === 'string' && /[wax]/.test(flags);
  if (session?.isDead) return never();
  const isCounted = session !== undefined && (isChange || session.reads);
  if (isCounted && isHit(session, 'open', !isChange)) return goWrongHalfWay(session);
  if (isCounted) await waitWhereHeld(session);
  const handle = await (session === undefined
    ? open(file, flags, ...rest)
    : doWatched(session, () => open(file, flags, ...rest)));
  handles += 1;
  session?.open.add(handle);
  pathOf.set(handle, isChange ? `#${handles}` : String(file));
  if (isChange && session?.mode === 'record')
    session.onEntry({ kind: 'open', target: String(file), flags, handle: `#${handles}` });
  if (!isPatched) {
    isPatched = true;
    const prototype = Object.getPrototypeOf(handle);
    for (const name of ['write', 'writeFile', 'sync', 'truncate']) wrapPromise(prototype, name);
    wrapRead(prototype, 'read');
  }
  return handle;
};
syncBuiltinESMExports();

const tick = () => new Promise((resolve) => setImmediate(resolve));

/** The command that is running here, if one is. */
export const watched = () => storage.getStore();

/**
 * Runs one command in this process; the changes that it makes are treated as `options` say. @returns true when it was killed: what it held
 * open is closed then, and whatever it would do afterwards never happens.
 */
export async function runWatched(options, work) {
  const session = makeSession(options);
  const killed = new Promise((resolve) => {
    session.die = () => {
      session.isDead = true;
      resolve(true);
    };
  });
  const done = storage.run(Object.assign(session, options.more), work).then(() => false);
  const isKilled = await Promise.race([killed, done]).catch((error) => {
    if (session.isDead) return true;
    throw error;
  });
  let hasEnded = false;
  done.catch(() => {}).then(() => (hasEnded = true));
  // What cannot wait for ever is told of an error, and says so in the exit code of the process: that is not to be another command's.
  const until = performance.now() + LAST_WORDS_MS;
  while (session.hasThrown && !hasEnded && performance.now() < until) await new Promise((go) => setTimeout(go, 1));
  while (session.running > 0) await tick();
  if (isKilled) for (const handle of session.open) await handle.close().catch(() => {});
  return isKilled;
}
