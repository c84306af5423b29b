import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PLACES = [
  process.env['FARSIGHT_CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** Where Chromium is; null where there is none, unless FARSIGHT_REQUIRE_CHROMIUM demands one. */
export const CHROMIUM: string | null = PLACES.find((path) => path !== undefined && existsSync(path)) ?? null;
if (CHROMIUM === null && process.env['FARSIGHT_REQUIRE_CHROMIUM'] === '1') {
  throw new Error('expected Chromium, got none. Install it, or set FARSIGHT_CHROMIUM to its path.');
}

/** A test's title, which says so where Chromium is missing and the test is skipped. */
export function browserTitle(title: string): string {
  return CHROMIUM ? title : `${title} (skipped: Chromium is not here; FARSIGHT_CHROMIUM may say where)`;
}

/** Starts Chromium without a window; WebGPU and WebGL run in software, on SwiftShader. */
export function launch(): Promise<Browser> {
  const software = ['--use-webgpu-adapter=swiftshader', '--use-vulkan=swiftshader', '--enable-unsafe-swiftshader'];
  return chromium.launch({
    executablePath: CHROMIUM!,
    args: ['--no-sandbox', '--enable-unsafe-webgpu', '--enable-features=Vulkan', ...software],
  });
}
