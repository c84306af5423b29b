import type { Picture } from './attention.ts';

/**
 * Letters of 5 x 7 dots, from the space to the tilde, then a box for all others: seven rows a letter, from the top, each
 * a digit of base 32 whose bits are dots from left to right.
 */
const GLYPHS: readonly string[] = [
  '0000000 4444404 aaa0000 aavavaa 4fke5u4 op248j3 cik8lid 4480000 2488842 8422248 04lel40 044v440',
  '0000c48 000v000 00000cc 01248g0 ehjlphe 4c4444e eh1248v v2421he 26aiv22 vgu11he 68guhhe v124888',
  'ehhehhe ehhf12c 0cc0cc0 0cc0c48 248g842 00v0v00 8421248 eh12404 eh1dlle ehhvhhh uhhuhhu ehggghe',
  'sihhhis vgguggv vgguggg ehgnhhf hhhvhhh e44444e 72222ic hikokih ggggggv hrllhhh hhpljhh ehhhhhe',
  'uhhuggg ehhhlid uhhukih fgge11u v444444 hhhhhhe hhhhha4 hhhllla hha4ahh hhha444 v1248gv e88888e',
  '0g84210 e22222e 4ah0000 000000v 8420000 00e1fhf ggmphhu 00egghe 11djhhf 00ehvge 698s888 0fhhf1e',
  'ggmphhh 40c444e 20622ic ggikoki c44444e 00qllhh 00mphhh 00ehhhe 00uhugg 00djf11 00mpggg 00ege1u',
  '88s8896 00hhhjd 00hhha4 00hhlla 00ha4ah 00hhf1e 00v248v 2448442 4444444 8442448 008l200 vhhhhhv',
].flatMap((line) => line.split(' '));

/** Width and height of a letter with the gap to the next one, in dots. */
export const LETTER = { width: 6, height: 8 } as const;

/** Where a line of letters begins, and its colour (red, green, blue). */
export interface LetterStyle {
  readonly x: number;
  readonly y: number;
  readonly colour: readonly [number, number, number];
}

/** The letters that can be drawn; accents are left off, and what has no likeness is a box. */
function glyphsOf(text: string): readonly string[] {
  const plain = text.normalize('NFD').replace(/\p{Mn}/gu, '');
  return Array.from(plain, (letter) => {
    const code = letter.codePointAt(0)! - 32;
    return GLYPHS[code >= 0 && code < 95 ? code : 95]!;
  });
}

/** Draws a line of letters into a picture, a dot a pixel; what is outside of it is left away. */
export function drawLetters({ width, height, data }: Picture, text: string, { x, y, colour }: LetterStyle): void {
  glyphsOf(text).forEach((glyph, i) => {
    for (let row = 0; row < 7; row++) {
      const bits = Number.parseInt(glyph[row]!, 32);
      for (let column = 0; column < 5; column++) {
        const [px, py] = [x + i * LETTER.width + column, y + row];
        if ((bits >> (4 - column)) & 1 && px >= 0 && px < width && py >= 0 && py < height) {
          data.set(colour, (py * width + px) * 3);
        }
      }
    }
  });
}
