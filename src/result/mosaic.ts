import { resizeRgb } from '../core/resize.ts';
import type { Picture } from './attention.ts';
import { drawLetters, LETTER } from './letters.ts';

/** A picture and what is written below it. */
export interface Tile {
  readonly picture: Picture;
  readonly caption: string;
}

/** Tiles that belong together, under a line of text. */
export interface TileGroup {
  readonly title: string;
  readonly tiles: readonly Tile[];
}

const COLUMNS = 8;
/** Least and greatest side of a tile, in pixels. */
const SIDE = { least: 96, greatest: 128 };
const GAP = 6;
const PAPER = [253, 252, 249] as const;
const INK = [23, 32, 42] as const;

/** Square pictures of one size in rows of eight, each with its caption below, group by group. */
export function drawMosaic(groups: readonly TileGroup[]): Picture {
  const first = groups.flatMap((g) => g.tiles)[0]?.picture.width ?? SIDE.least;
  const side = tileSide(first);
  const row = side + LETTER.height + GAP + 2;
  const titleHeight = LETTER.height + GAP;
  const rowsOf = (group: TileGroup): number => Math.ceil(group.tiles.length / COLUMNS);
  const width = GAP + COLUMNS * (side + GAP);
  const height = GAP + groups.reduce((sum, g) => sum + titleHeight + rowsOf(g) * row, 0);
  const drawn: Picture = { width, height, data: new Uint8Array(width * height * 3) };
  for (let i = 0; i < drawn.data.length; i += 3) drawn.data.set(PAPER, i);
  let top = GAP;
  for (const group of groups) {
    drawLetters(drawn, fitting(group.title, width - 2 * GAP), { x: GAP, y: top, colour: INK });
    top += titleHeight;
    group.tiles.forEach((tile, i) => {
      const [x, y] = [GAP + (i % COLUMNS) * (side + GAP), top + Math.floor(i / COLUMNS) * row];
      paste(drawn, tileOf(tile.picture, side), x, y);
      drawLetters(drawn, fitting(tile.caption, side), { x, y: y + side + 3, colour: INK });
    });
    top += rowsOf(group) * row;
  }
  return drawn;
}

/** Small pictures are enlarged by a whole factor, so that each of their pixels is seen; large ones are reduced. */
function tileSide(size: number): number {
  return size >= SIDE.least ? Math.min(size, SIDE.greatest) : size * Math.ceil(SIDE.least / size);
}

function tileOf(picture: Picture, side: number): Picture {
  const { width, height, data } = picture;
  if (width >= side) return resizeRgb(picture, { width: side, height: side, kind: 'bilinear' });
  const out: Picture = { width: side, height: side, data: new Uint8Array(side * side * 3) };
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const from = (Math.floor((y * height) / side) * width + Math.floor((x * width) / side)) * 3;
      out.data.set(data.subarray(from, from + 3), (y * side + x) * 3);
    }
  }
  return out;
}

function paste(onto: Picture, picture: Picture, x: number, y: number): void {
  for (let row = 0; row < picture.height; row++) {
    const line = picture.data.subarray(row * picture.width * 3, (row + 1) * picture.width * 3);
    onto.data.set(line, ((y + row) * onto.width + x) * 3);
  }
}

/** A text cut to so many pixels, two dots telling that it was. */
function fitting(text: string, pixels: number): string {
  const most = Math.floor(pixels / LETTER.width);
  const letters = Array.from(text.slice(0, 4 * most));
  return letters.length <= most ? letters.join('') : `${letters.slice(0, most - 2).join('')}..`;
}
