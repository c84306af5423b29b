import { Fault } from '../core/fault.ts';
import { sameShape } from '../core/shape.ts';
import { type Tensor, zeros } from '../core/tensor.ts';
import { initialise } from '../model/init.ts';
import { parameterCount, type StateSpec } from '../model/scope.ts';
import { loadTensors } from '../weights/load.ts';
import { type ArrayCase, stateTensors } from './case.ts';

/**
 * The case's state for a network of ours, which must have exactly the reference's tensors: a fault tells every name
 * and shape that differs, a tensor that is trained here and kept there, or another count of trainable values.
 * Constants that the reference computes itself are computed by ours.
 */
export function checkedState(c: ArrayCase, ours: readonly StateSpec[]): Map<string, Tensor> {
  const specs = new Map(ours.map((spec) => [spec.name, spec]));
  const found = stateTensors(c);
  for (const { name, shape, filled } of c.state) {
    if (filled) continue;
    const spec = specs.get(name);
    found.set(name, spec && sameShape(spec.shape, shape) ? initialise(spec, 0) : zeros('float32', shape));
  }
  const { tensors } = loadTensors(ours, found, { where: `${c.name}: state` });
  for (const entry of c.state) {
    const role = specs.get(entry.name)!.role === 'param' ? 'param' : 'buffer';
    if (entry.role !== role) refuse(c, `"${entry.name}" to be a ${entry.role}`, `a ${role}`);
  }
  const count = parameterCount(ours);
  for (const wanted of [c.parameters, c.config.params]) {
    if (wanted !== undefined && wanted !== count) refuse(c, `${String(wanted)} trainable values`, String(count));
  }
  return tensors;
}

function refuse(c: ArrayCase, expected: string, got: string): never {
  throw new Fault('data', `${c.name}: state: expected ${expected}, got ${got}.`);
}
