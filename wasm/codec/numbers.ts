// Reading and writing numbers of 1, 2 or 4 bytes.

// @ts-ignore: decorator
@inline
export function readNumber(at: usize, index: u32, width: u32): u32 {
  if (width === 4) return load<u32>(at + (<usize>index << 2));
  if (width === 2) return load<u16>(at + (<usize>index << 1));
  return load<u8>(at + <usize>index);
}

// @ts-ignore: decorator
@inline
export function writeNumber(at: usize, index: u32, width: u32, value: u32): void {
  if (width === 4) store<u32>(at + (<usize>index << 2), value);
  else if (width === 2) store<u16>(at + (<usize>index << 1), <u16>value);
  else store<u8>(at + <usize>index, <u8>value);
}
