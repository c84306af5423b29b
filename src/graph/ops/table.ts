import { MULTI_HEAD_ATTENTION } from '../aggregate/attention.ts';
import { AGGREGATE_BY_ROWS } from '../aggregate/by-rows.ts';
import { AGGREGATE } from '../aggregate/record.ts';
import { WINDOW_DOT, WINDOW_SPREAD, WINDOW_SUM } from '../aggregate/window-words.ts';
import { CONSTANT, INPUT } from '../trace.ts';
import type { OpDef } from '../value.ts';
import * as op from './index.ts';

/** Every operator's record: what sweeps walk and lists of operators are printed from. */
export const OPS: readonly OpDef[] = [
  INPUT,
  CONSTANT,
  op.STOP_GRADIENT,
  op.SCALE_GRADIENT,
  op.RECOMPUTE,
  op.IDENTITY,

  op.ADD,
  op.SUB,
  op.MUL,
  op.DIV,
  op.POW,
  op.MAX,
  op.MIN,
  op.GREATER,
  op.GREATER_OR_EQUAL,
  op.LESS,
  op.LESS_OR_EQUAL,
  op.EQUAL,
  op.AND,
  op.OR,
  op.NOT,
  op.WHERE,
  op.CAST,

  op.NEG,
  op.ABS,
  op.SIGN,
  op.FLOOR,
  op.CEIL,
  op.ROUND,
  op.EXP,
  op.LOG,
  op.SQRT,
  op.RECIPROCAL,
  op.ERF,

  op.RELU,
  op.LEAKY_RELU,
  op.SIGMOID,
  op.HARD_SIGMOID,
  op.HARD_SWISH,
  op.TANH,
  op.SOFTPLUS,
  op.GELU,
  op.QUICK_GELU,
  op.CLIP,

  op.RESHAPE,
  op.TRANSPOSE,
  op.EXPAND,
  op.CONCAT,
  op.SPLIT,
  op.SLICE,
  op.PAD,

  op.REDUCE_SUM,
  op.REDUCE_MEAN,
  op.REDUCE_SUM_SQUARE,
  op.REDUCE_MAX,
  op.REDUCE_MIN,
  op.ARG_MAX,
  op.CUM_SUM,
  op.TOP_K,

  op.GATHER,
  op.GATHER_ELEMENTS,
  op.GATHER_ND,
  op.SCATTER_ELEMENTS,
  op.SCATTER_ND,
  op.ONE_HOT,

  op.MATMUL,
  op.FUSED_MATMUL,
  op.GEMM,
  op.CONV,
  op.CONV_TRANSPOSE,
  op.COL2IM,

  op.SOFTMAX,
  op.LOG_SOFTMAX,
  op.BATCH_NORMALIZATION,
  op.PROJECTION_NORMALIZATION,
  op.LAYER_NORMALIZATION,

  op.MAX_POOL,
  op.AVERAGE_POOL,
  op.RESIZE,
  op.GRID_SAMPLE,

  op.QUANTIZE_LINEAR,
  op.DEQUANTIZE_LINEAR,

  AGGREGATE,
  WINDOW_SUM,
  WINDOW_SPREAD,
  WINDOW_DOT,
  AGGREGATE_BY_ROWS,
  MULTI_HEAD_ATTENTION,
];
