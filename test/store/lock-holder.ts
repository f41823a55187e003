/* A process that takes a repository's lock and keeps it until it is killed: `lock-holder.ts DIRECTORY`. */
import { acquireLock } from '../../src/store/lock.ts';

const lock = await acquireLock(process.argv[2] ?? '', { purpose: 'hold' });
process.stdout.write('held\n');
setInterval(() => lock, 1000);
