import type { Browser, Page as Tab } from 'playwright-core';
import { launch } from './chromium.ts';
import type { JobName, Jobs } from './jobs.ts';
import { madeClassifier, modelFiles, pictureFiles } from './made.ts';
import type { Page } from './page.ts';
import { builtPages, FOLDERS, type Site, serve } from './site.ts';

/** Where a job is done. */
export interface JobPlace {
  /** The isolated page where absent. */
  readonly tab?: Tab;
  readonly worker?: boolean;
}

/** Chromium with the tests' pages open. */
export interface Tabs {
  readonly site: Site;
  readonly pictures: ReadonlyMap<string, Uint8Array>;
  /** A page that is cross-origin isolated, and one that is not. */
  readonly isolated: Tab;
  readonly plain: Tab;
  /** Does a job in a page, or in a worker of it. */
  ask<K extends JobName>(name: K, args: Parameters<Jobs[K]>, at?: JobPlace): Promise<Awaited<ReturnType<Jobs[K]>>>;
  close(): Promise<void>;
}

/** Serves the pages, with the classifier of {@link madeClassifier} and the pictures, and opens them in one browser. */
export async function openTabs(): Promise<Tabs> {
  const pictures = await pictureFiles();
  const models = await modelFiles(madeClassifier());
  const site = await serve(new Map([...models, ...pictures, ...(await builtPages())]), FOLDERS);
  const browser = await launch();
  const isolated = await openTab(browser, `${site.address}/index.html`);
  const ask: Tabs['ask'] = async (name, args, { tab = isolated, worker = false } = {}) => {
    const job = (given: { readonly name: JobName; readonly args: readonly unknown[]; readonly worker: boolean }) => {
      const { here } = globalThis as unknown as { readonly here: Page };
      return given.worker ? here.inWorker(given.name, given.args) : here.run(given.name, given.args);
    };
    return (await tab.evaluate(job, { name, args: [...args], worker })) as never;
  };
  return {
    site,
    pictures,
    isolated,
    plain: await openTab(browser, `${site.address}/plain.html`),
    ask,
    close: async () => {
      await browser.close();
      await site.close();
    },
  };
}

async function openTab(browser: Browser, address: string): Promise<Tab> {
  const tab = await browser.newPage();
  await tab.goto(address);
  await tab.waitForFunction(() => 'here' in globalThis);
  return tab;
}
