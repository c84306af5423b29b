import type { Tensor } from '../core/tensor.ts';
import type { Files } from '../data/files.ts';
import { initialise } from '../model/init.ts';
import type { StateSpec } from '../model/scope.ts';
import { isComplete, planWeights, requireComplete, showFit, takeTensor, type WeightsPlan } from '../weights/adapt.ts';
import type { HubProgress, HubRequest } from '../weights/hub.ts';
import { openWeights, type WeightsFile } from '../weights/open.ts';
import type { RunConfig } from './config.ts';
import type { OnEvent } from './events.ts';
import { findWeights, type LocalWeights, type WeightsPlaces } from './find-weights.ts';
import { type NetworkParts, networkParts } from './network-parts.ts';
import { describeRecognised, recognise } from './recognise.ts';

/** What first weights are made of and for. */
export interface FirstState {
  readonly config: Pick<RunConfig, 'model' | 'seed'>;
  readonly platform: WeightsPlaces & { readonly files: Files };
  readonly emit: OnEvent;
  readonly request: Pick<HubRequest, 'signal' | 'offline'>;
}

/**
 * The weights that a run begins with: fresh from the seed, or those of the file that the configuration names, adapted
 * to the network's names, classes and channels. What is adapted, left random or not used is said in notes.
 */
export async function firstState(
  { config, platform, emit, request }: FirstState,
  state: readonly StateSpec[],
  classes: number,
): Promise<Map<string, Tensor>> {
  const out = new Map(state.map((spec) => [spec.name, initialise(spec, config.seed)]));
  const { weights, partial, name, overrides } = config.model;
  if (weights === null) return out;
  const note = (text: string): void => emit({ kind: 'note', text });
  const local = await findWeights(weights, platform, { ...request, onProgress: byPercent(emit) });
  local.notes.forEach(note);
  const file = await openWeights(platform.files, local.path);
  try {
    const parts = networkParts({ name, overrides: { ...overrides, classes } });
    const plan = planFor(file, local, { parts: { ...parts, state }, model: config.model, partial });
    const tensors = await file.readAll({ names: plan.taken.map((t) => t.from) });
    for (const step of plan.taken) out.set(step.name, takeTensor(step, tensors.get(step.from)!));
    describePlan(plan, { file, local }).forEach(note);
  } finally {
    await file.close();
  }
  return out;
}

interface Fitting {
  readonly parts: NetworkParts;
  readonly model: RunConfig['model'];
  readonly partial: boolean;
}

function planFor(file: WeightsFile, local: LocalWeights, { parts, model, partial }: Fitting): WeightsPlan {
  const found = new Map(file.entries.map((e) => [e.name, e]));
  const plan = planWeights(parts.state, found, parts);
  if (partial || isComplete(plan)) return plan;
  const known = recognise(found);
  const same = known?.name === model.name && Object.keys(known.overrides).length === 0;
  requireComplete(plan, local.name, known && !same ? describeRecognised(known, model) : undefined);
  return plan;
}

/** Progress events of a download, a hundred at most. */
function byPercent(emit: OnEvent): (progress: HubProgress) => void {
  let said = '';
  return (progress) => {
    const percent = Math.floor((100 * progress.received) / Math.max(progress.total, 1));
    const now = `${progress.path} ${percent}`;
    if (now !== said) emit({ kind: 'download', progress });
    said = now;
  };
}

/** What became of a file, in sentences: what was taken, adapted, left random and not used. */
export function describePlan(
  plan: WeightsPlan,
  { file, local }: { readonly file: Pick<WeightsFile, 'format' | 'unwrapped'>; readonly local: LocalWeights },
): readonly string[] {
  const { taken, replaced, missing, misshapen, unused, fit, wanted } = plan;
  const unwrapped = file.unwrapped.length > 0 ? `, out of ${file.unwrapped.join(', ')}` : '';
  const lines = [
    `Took ${taken.length} of ${wanted} tensors from ${local.name} (${file.format}${unwrapped}), by ${showFit(fit)}.`,
  ];
  const [head] = replaced;
  if (head) {
    const names = replaced.map((r) => r.name).join(', ');
    lines.push(
      `Starts fresh: ${names}, for ${head.expected.shape[0]} classes where the file has ${head.got.shape[0]}.`,
    );
  }
  for (const { name, how, shape, grid } of taken) {
    if (how === 'input channels') lines.push(`Adapted: ${name}, from 3 channels of the picture to ${shape[1]}.`);
    if (grid) lines.push(`Adapted: ${name}, resampled (bicubic) to a grid of ${grid.size.join(' x ')} patches.`);
  }
  const random = [...missing, ...misshapen.map((m) => m.name)];
  if (random.length > 0) lines.push(`Left random: ${some(random)}.`);
  if (unused.length > 0) lines.push(`Not used: ${some(unused)}.`);
  if (local.published) lines.push(`Licence of these weights: ${local.published.licence}.`);
  return lines;
}

/** A list's first ten after its length. */
function some(names: readonly string[]): string {
  const more = names.length > 10 ? ', ..' : '';
  return `${names.length} tensor${names.length > 1 ? 's' : ''} (${names.slice(0, 10).join(', ')}${more})`;
}
