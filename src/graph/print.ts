import { type Cost, type CostOptions, costByModule, costOf, totalMacs } from './cost.ts';
import { type Dim, showDim, showDims } from './dimension.ts';
import { CONSTANT, constantOf, INPUT, inputName, nodesOf, uniformOf } from './trace.ts';
import type { AttributeValue, Node, Value } from './value.ts';

/**
 * A graph as text: inputs, then one line a node, then outputs. Values are numbered in order; single numbers among the
 * constants stand where they are used.
 */
export function printGraph(outputs: ReadonlyMap<string, Value>): string {
  const order = nodesOf(outputs.values());
  const names = new Map<Value, string>();
  const typed = (v: Value): string => `${v.dtype} ${showDims(v.shape)}`;
  const inputs: string[] = [];
  const lines: string[] = [];
  let count = 0;
  for (const node of order) {
    if (node.def === INPUT) {
      const v = node.outputs[0]!;
      names.set(v, inputName(v)!);
      inputs.push(`  ${inputName(v)!}: ${typed(v)}`);
    } else if (node.def === CONSTANT) {
      names.set(node.outputs[0]!, showConstant(node.outputs[0]!));
    } else {
      for (const v of node.outputs) names.set(v, `%${count++}`);
      const left = node.outputs.map((v) => names.get(v)).join(', ');
      const right = `${node.def.name}(${node.inputs.map((v) => (v ? names.get(v) : '-')).join(', ')})`;
      const where = node.path === '' ? '' : `  # ${node.path}`;
      lines.push(`  ${left} = ${right}${showAttributes(node)} -> ${node.outputs.map(typed).join(', ')}${where}`);
    }
  }
  const results = [...outputs].map(([name, v]) => `  ${name} = ${names.get(v)}: ${typed(v)}`);
  return ['inputs', ...inputs, 'nodes', ...lines, 'outputs', ...results].join('\n');
}

function showConstant(v: Value): string {
  const single = uniformOf(v);
  if (single !== undefined && v.shape.length === 0) return String(single);
  const t = constantOf(v)!;
  const few = t.data.length <= 8 ? `(${Array.from(t.data as ArrayLike<number | bigint>).join(', ')})` : '';
  return `constant ${t.dtype} ${showDims(t.shape)}${few}`;
}

function showAttributes(node: Node): string {
  const parts = Object.entries(node.attributes).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${showAttribute(value)}`],
  );
  return parts.length === 0 ? '' : ` {${parts.join(', ')}}`;
}

function showAttribute(value: AttributeValue): string {
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return `[${value.map((v: AttributeValue) => showAttribute(v)).join(', ')}]`;
  if ('kind' in value && value.kind === 'symbolic') return showDim(value as Dim);
  if ('data' in value) return 'a tensor';
  return `{${Object.entries(value)
    .map(([k, v]) => `${k}: ${showAttribute(v as AttributeValue)}`)
    .join(', ')}}`;
}

/** A table of modules: parameters, multiply-adds with their share, bytes moved; then the sum. */
export function printModules(outputs: ReadonlyMap<string, Value>, options: CostOptions = {}): string {
  const total = costOf(outputs, options);
  const all = totalMacs(total.macs);
  const cells = (name: string, c: Cost): string[] => [
    name,
    c.parameters.toLocaleString('en'),
    totalMacs(c.macs).toLocaleString('en'),
    all === 0 ? '' : `${((100 * totalMacs(c.macs)) / all).toFixed(1)} %`,
    `${((c.bytesRead + c.bytesWritten) / 2 ** 20).toFixed(1)} MiB`,
  ];
  const rows = [...costByModule(outputs, options)].map(([path, c]) => cells(path === '' ? '(none)' : path, c));
  const head = ['module', 'parameters', 'multiply-adds', 'share', 'moved'];
  const table = [head, ...rows, cells('total', total)];
  const widths = head.map((_, i) => Math.max(...table.map((r) => r[i]!.length)));
  const lines = table.map((r) => r.map((c, i) => (i === 0 ? c.padEnd(widths[i]!) : c.padStart(widths[i]!))).join('  '));
  return [...lines, `peak memory about ${(total.peakBytes / 2 ** 20).toFixed(1)} MiB`].join('\n');
}
