import { describe, expect, it } from 'vitest';
import { BufferPool } from '../../src/codec/buffer-pool.ts';

const MIB = 1024 * 1024;

describe('buffers between threads', () => {
  it('are used again, and hold what was copied, no more', () => {
    const pool = new BufferPool();
    const first = pool.copy(new Uint8Array(2 * MIB).fill(1));
    pool.give([first.buffer]);
    const second = pool.copy(new Uint8Array(1.5 * MIB).fill(2));
    expect(second.buffer).toBe(first.buffer);
    expect(second).toHaveLength(1.5 * MIB);
    expect(second.every((byte) => byte === 2)).toBe(true);
  });

  it('are not given to two at once', () => {
    const pool = new BufferPool();
    const { buffer } = pool.copy(new Uint8Array(MIB));
    pool.give([buffer]);
    expect(pool.copy(new Uint8Array(MIB)).buffer).toBe(buffer);
    expect(pool.copy(new Uint8Array(MIB)).buffer).not.toBe(buffer);
  });

  it('are kept up to a bound', () => {
    const pool = new BufferPool();
    const buffers = Array.from({ length: 40 }, () => pool.copy(new Uint8Array(MIB)).buffer);
    pool.give(buffers);
    const again = Array.from({ length: 40 }, () => pool.copy(new Uint8Array(MIB)).buffer);
    expect(again.filter((buffer) => buffers.includes(buffer))).toHaveLength(32);
  });
});
