import * as z from 'zod';
import { Fault } from '../../core/fault.ts';
import { readOptions } from '../read-options.ts';
import type { Block } from './block.ts';
import { describeBlock } from './describe.ts';
import { addBlocks } from './table.ts';

const PARTS = ['kind', 'title', 'options', 'build', 'child', 'strides', 'axes', 'algebra', 'sample'] as const;

/**
 * Adds the blocks that a module exports for the rest of this process, and tells them: each must be a whole record, whose
 * sample can be traced. `where`, the module's name, begins every message.
 */
export function bringBlocks(exports: Readonly<Record<string, unknown>>, where: string): readonly Block[] {
  const found = Object.entries(exports).filter(([, value]) => isRecord(value));
  if (found.length === 0) {
    const advice = 'Export a record of type Block, as docs/adding-a-block.md shows.';
    throw new Fault('config', `${where}: expected a block among what it exports, got none. ${advice}`);
  }
  return found.map(([name, value]) => {
    const block = checked(value as Partial<Block>, `${where}: ${name}`);
    addBlocks([block]);
    describeBlock(block.kind); // a fault unless its own options take its sample, and it can be traced
    return block;
  });
}

/** Whether an export means to be a block. */
function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'kind' in value && 'build' in value;
}

function checked(record: Partial<Block>, where: string): Block {
  const missing = PARTS.filter((part) => record[part] === undefined);
  if (missing.length > 0)
    throw new Fault('config', `${where}: expected a whole block, it lacks ${missing.join(', ')}.`);
  const block = record as Block;
  if (typeof block.kind !== 'string' || !/^[a-z][a-z0-9-]*$/.test(block.kind)) {
    throw new Fault('config', `${where}: expected a kind such as row-attention, got ${JSON.stringify(block.kind)}.`);
  }
  if (!(block.options instanceof z.ZodObject)) {
    throw new Fault('config', `${where}: expected options made by z.strictObject, got ${typeof block.options}.`);
  }
  readOptions(block.options, block.sample.config, `${where}: sample`);
  return block;
}
