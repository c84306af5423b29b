import type { NetworkRow } from './networks.ts';

/** The table of named networks; nothing where none was counted. */
export function networksSection(networks: readonly NetworkRow[]): string {
  if (networks.length === 0) return '';
  const head =
    '| network | parameters | published | multiply-adds | published | picture | source | why ours are others |\n| --- | ---: | ---: | ---: | ---: | ---: | --- | --- |';
  return `## Networks

Trainable values and multiply-adds of one picture (its side in pixels), counted in the traced graph by
\`npm run bench -- --networks\`, beside published figures as they were printed. Where no reason is given ours round to them.

${head}
${networks.map(line).join('\n')}

`;
}

function line({ name, parameters, macs, size, macsThere, published }: NetworkRow): string {
  const cells = [
    `\`${name}\``,
    parameters.toLocaleString('en-US'),
    published ? `${short(published.parameters, 1e6)} M` : '',
    `${((macsThere ?? macs) / 1e9).toFixed(2)} G`,
    published?.macs === undefined ? '' : `${short(published.macs, 1e9)} G`,
    `${published?.size ?? size}`,
    published?.source ?? '',
    published?.difference ?? '',
  ];
  return `| ${cells.join(' | ')} |`;
}

/** A published figure in its unit, with the digits that it was given. */
function short(figure: number, unit: number): string {
  return String(Number((figure / unit).toPrecision(12)));
}
