import { Command } from 'commander';
import colours from 'picocolors';
import type { Evaluation, ModuleTime, Outcome, RunConfig, RunResult, TrainEvent } from '../node.ts';
import { downloadLine, note, type StatusLine, say, sayJson, statusLine, table, terminalWidth } from './terminal.ts';
import { shortOptions } from './train-flags.ts';
import { collect, runOptions, type TrainFlags } from './train-options.ts';

type Door = typeof import('../node.ts');

const HELP = `
Without FOLDER it trains on the embedded emoji: drawn by one artist, judged on another's.
FOLDER has one sub-folder a class, or train/ and val/ (or test/) with those inside.
A run leaves a folder: weights.safetensors, model.onnx, metrics.jsonl, config.json, report.html, checkpoints/.
Ctrl-C ends it after the step under way; --resume goes on to the same weights as if it had not been ended.

Examples:
  farsight train
  farsight train photos --model resnet18 --size 128 --epochs 30 --name birds
  farsight train photos --set optimizer.kind=sgd --set optimizer.momentum=0.9 --lr 0.1
  farsight train photos --set 'model.overrides.context=[{"context":{"kind":"squeeze-excitation"},"position":"after-conv2"}]'
  farsight train photos --recipe finetune --model gcresnet50t --weights timm/gcresnet50t.ra2_in1k --batch auto
  farsight train --config runs/birds/config.json --seed 1
  farsight train --resume runs/birds`;

/** `farsight train`. */
export function trainCommand(): Command {
  const command = new Command('train')
    .description('train a classifier on a folder of pictures, or on the embedded emoji')
    .argument('[folder]', 'folder of pictures, one sub-folder a class')
    .optionsGroup('The run:')
    .option('--name <name>', 'name of the run; the time where absent')
    .option('--output <folder>', 'where runs are put', 'runs')
    .option('--resume <run>', 'go on with the run in this folder')
    .option('--config <file>', 'configuration in JSON or YAML; options after it change it')
    .option('--set <key=value>', 'any part of the configuration, such as data.flip=0; again for more', collect, [])
    .option('--list-recipes', 'show what each recipe sets, and end')
    .option('--offline', 'download nothing');
  for (const { option } of shortOptions()) command.addOption(option);
  return command
    .optionsGroup('Output:')
    .option('--profile', 'tell where the time of the steps went, by module')
    .option('--json', 'one JSON object a line instead of text')
    .option('--debug', 'show where an error arose')
    .addHelpText('after', HELP)
    .action(runTrain);
}

async function runTrain(folder: string | undefined, flags: TrainFlags, command: Command): Promise<void> {
  if (flags.resume !== undefined && (folder !== undefined || Object.keys(given(command)).length > 0)) {
    command.error('--resume: expected no other configuration, since a run goes on with its own.', { exitCode: 2 });
  }
  const options = flags.resume === undefined ? runOptions(folder, flags) : {};
  const door: Door = await import('../node.ts');
  if (flags.listRecipes) return listRecipes(door, flags.json ?? false);
  const path = flags.resume ?? `${flags.output.replace(/[/\\]+$/, '')}/${flags.name ?? timestamp()}`;
  const interrupt = interruption();
  const line = statusLine();
  const request = {
    folder: path,
    signal: interrupt.signal,
    onEvent: (event: TrainEvent) => (flags.json ? tellJson(event) : tell(door, line, event)),
    ...(flags.profile && { profile: `${path}/profile` }),
    ...(flags.offline && { offline: true }),
  };
  try {
    const result = await (flags.resume === undefined ? door.train(options, request) : door.resume(request));
    line.clear();
    const profile = flags.profile ? await door.readProfile(path, 2) : [];
    if (flags.json) sayJson({ kind: 'end', ...summaryOf(result), ...(flags.profile && { profile }) });
    else for (const text of [...closing(door, result), ...(flags.profile ? profileLines(profile) : [])]) say(text);
    if (!result.finished) process.exitCode = 130;
  } finally {
    line.clear();
    interrupt.forget();
  }
}

/** What each recipe is for, where it comes from and what it sets. */
function listRecipes({ RECIPES, recipeLines }: Door, json: boolean): void {
  if (json) sayJson({ kind: 'recipes', recipes: RECIPES });
  for (const [name, { about, source }] of json ? [] : Object.entries(RECIPES)) {
    for (const text of [colours.bold(name), `  ${about}`, `  ${colours.dim(source)}`]) say(text);
    for (const text of [...recipeLines(name), '']) say(text === '' ? '' : `    ${text}`);
  }
}

/** Options that a user gave and that belong to a configuration. */
function given(command: Command): Readonly<Record<string, unknown>> {
  const free = new Set(['json', 'debug', 'resume', 'profile', 'offline']);
  const names = Object.keys(command.opts()).filter((n) => !free.has(n) && command.getOptionValueSource(n) === 'cli');
  return Object.fromEntries(names.map((n) => [n, command.getOptionValue(n)]));
}

/** `2026-11-21_21-17-02`, local time. */
function timestamp(): string {
  const now = new Date();
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join('-');
  return `${day}_${[now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join('-')}`;
}

/** The first Ctrl-C ends the run after its step, the second at once. */
function interruption(): { readonly signal: AbortSignal; forget(): void } {
  const controller = new AbortController();
  let first = 0;
  const stop = (): void => {
    // npx hands on the signal that the terminal has sent already: one Ctrl-C may come twice.
    if (controller.signal.aborted && performance.now() - first < 1000) return;
    if (controller.signal.aborted) process.exit(130);
    first = performance.now();
    note('\nFinishing the step and writing a checkpoint. Ctrl-C again ends at once.');
    controller.abort();
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const name of signals) process.on(name, stop);
  const forget = (): void => {
    for (const name of signals) process.off(name, stop);
  };
  return { signal: controller.signal, forget };
}

function tellJson(event: TrainEvent): void {
  if (event.kind === 'evaluation') sayJson({ kind: event.kind, epoch: event.epoch, ...figures(event.evaluation) });
  else sayJson(event);
}

function tell(door: Door, line: StatusLine, event: TrainEvent): void {
  if (event.kind === 'progress') {
    line.show(door.progressLine(event.state, { width: terminalWidth() - 1 }));
    return;
  }
  if (event.kind === 'download') {
    line.show(downloadLine(event.progress));
    return;
  }
  line.clear();
  switch (event.kind) {
    case 'start':
      say(colours.bold(event.step === 0 ? `Run ${event.folder}` : `Run ${event.folder}, on from step ${event.step}`));
      for (const text of configurationLines(event.config)) say(colours.dim(text));
      break;
    case 'data':
      say(`train on ${event.train}`);
      say(`judge on ${event.test}`);
      break;
    case 'note':
      say(event.text);
      break;
    case 'metrics':
      break;
    case 'evaluation': {
      const { result, labels } = event.evaluation;
      const score = `held-out balanced accuracy ${door.formatPercent(result.balancedAccuracy)}`;
      const several = labels && `held-out mean average precision ${precisionOf(door, labels)}`;
      say(`epoch ${event.epoch}: ${several ?? score}, loss ${door.formatNumber((labels ?? result).loss, 4)}`);
      break;
    }
    case 'skipped':
      note(colours.yellow(event.summary));
      break;
    default:
      event satisfies never;
  }
}

/** The resolved configuration, one line a part. */
function configurationLines(config: RunConfig): string[] {
  const width = Math.max(...Object.keys(config).map((k) => k.length));
  return Object.entries(config).map(([key, value]) => `  ${key.padEnd(width)}  ${JSON.stringify(value)}`);
}

function figures({ result, labels, parts }: Evaluation) {
  const { balancedAccuracy, accuracy, topK, loss, samples } = result;
  return {
    ...{ balancedAccuracy, accuracy, topK, loss, samples },
    ...(labels && { meanAveragePrecision: labels.meanAveragePrecision, exact: labels.exact, loss: labels.loss }),
    parts: parts.map(({ name, result: r }) => ({ name, samples: r.samples, balancedAccuracy: r.balancedAccuracy })),
  };
}

function summaryOf({ folder, finished, standing, evaluation, outcome, baseline, skipped, next }: RunResult) {
  const heldOut = evaluation ? figures(evaluation) : (outcome?.heldOut ?? null);
  const seconds = standing.seconds;
  return { folder, finished, seconds, heldOut, baseline, skipped: skipped.length, next: next.map((n) => n.name) };
}

/** Mean average precision of data whose pictures may have several labels. */
function precisionOf(door: Door, { meanAveragePrecision }: NonNullable<Evaluation['labels']>): string {
  return meanAveragePrecision === null ? 'unknown' : door.formatPercent(meanAveragePrecision);
}

/** What a run ends with: scores, where things lie, what to try next; or how to go on. */
function closing(door: Door, result: RunResult): string[] {
  const { folder, evaluation, classes, baseline, next, standing, outcome } = result;
  if (outcome) return finishedBefore(door, folder, outcome);
  if (!evaluation) return [`Ended in epoch ${standing.epoch + 1}. Go on with: npx farsight train --resume ${folder}`];
  const percent = door.formatPercent;
  const { balancedAccuracy, accuracy, topK } = evaluation.result;
  const { labels } = evaluation;
  const against = [
    `chance ${percent(1 / classes.length)}`,
    ...(baseline === null ? [] : [`logistic regression on pixels ${percent(baseline)}`]),
  ];
  return [
    '',
    ...(labels
      ? [
          colours.bold(`Held-out mean average precision ${precisionOf(door, labels)}`),
          `all labels right ${percent(labels.exact)}; of the likeliest class:`,
        ]
      : []),
    colours.bold(`Held-out balanced accuracy ${percent(balancedAccuracy)}`) + ` (${against.join(', ')})`,
    `accuracy ${percent(accuracy)}, among the first ${topK.k} ${percent(topK.accuracy)}`,
    ...evaluation.parts.map((p) => `${p.name}: ${percent(p.result.balancedAccuracy)} of ${p.result.samples} pictures`),
    '',
    `All of it lies in ${folder}: report.html (open it in a browser), weights.safetensors, model.onnx, metrics.jsonl, config.json`,
    'Try next:',
    ...next.map((n) => `  ${colours.cyan(n.name)}`),
  ];
}

/** What is said of a run that had nothing left to do. */
function finishedBefore(door: Door, folder: string, { epochs, heldOut, next }: Outcome): string[] {
  const score = heldOut['balancedAccuracy'];
  const words = typeof score === 'number' ? `, held-out balanced accuracy ${door.formatPercent(score)}` : '';
  return [
    `${folder} finished before: ${epochs} epochs${words}. Nothing is left to do.`,
    'Try next:',
    ...next.map((n) => `  ${colours.cyan(n.name)}`),
  ];
}

/** Time by module, the most expensive first. */
export function profileLines(modules: readonly ModuleTime[]): string[] {
  const shown = modules.slice(0, 24);
  const rows = shown.map((m) => [
    m.path,
    m.milliseconds.toFixed(1),
    `${(m.share * 100).toFixed(1)} %`,
    m.operators
      .slice(0, 3)
      .map((o) => `${o.name} ${o.milliseconds.toFixed(1)}`)
      .join(', '),
  ]);
  return ['', ...table([['module', 'ms', 'share', 'most of it'], ...rows], [1, 2])];
}
