/** Opset and IR version of every model written. */
export const OPSET = 20;
export const IR_VERSION = 9;
