export { BadFileError, CorruptError, WsvcError, type WsvcErrorCode } from './errors.ts';
