/** A whole network on a fixed batch of pictures, weights and pictures by the fill formula. */
export interface NetworkSubject {
  readonly kind: 'network';
  /**
   * A named network; or, with a dash, ResNet-50 with global-context blocks (r16, stages c3 to c5), with five non-local
   * blocks, or with the same five that read keys and values from a map pooled by two. 1000 classes.
   */
  readonly network:
    | 'resnet18'
    | 'resnet50'
    | 'resnet50-gc'
    | 'resnet50-nl'
    | 'resnet50-nl-pooled'
    | 'cotnet50'
    | 'container_v1_light'
    | 'lrnet26'
    | 'deit_small_patch16_224';
  readonly batch: number;
  /** Height and width of a picture. */
  readonly size: number;
  /** `inference`: forward with kept statistics; `training`: one step of SGD, momentum 0.9, weight decay 1e-4. */
  readonly mode: 'inference' | 'training';
  /** Whether our training step computes values of the forward pass again instead of keeping them. */
  readonly recompute?: boolean;
  /** Learning rate of a training step. */
  readonly rate?: number;
  /**
   * By what the scale of each block's last norm, `bn3.weight`, is multiplied after the fill. Small residual branches, as
   * in training from zero-initialised ones, keep float32's rounding from growing over the layers (see README.md).
   */
  readonly residualScale?: number;
  /** How PyTorch reads windows: with a copy of the values for each tap, the default, or one tap after the other. */
  readonly windows?: 'unfold' | 'shifts';
  /** Parameters that are compared after the first step, and of which the momentum's l2 norm is. */
  readonly watch?: readonly string[];
}

/** One embedded-Gaussian non-local block, x [1, channels, height, width]. */
export interface NonLocalSubject {
  readonly kind: 'nonlocal';
  readonly channels: number;
  /** Width of queries, keys and values. */
  readonly inner: number;
  readonly height: number;
  readonly width: number;
}

/**
 * softmax(q kᵀ channels^-1/2) v with one head and its gradients with respect to q, k and v, each [1, positions,
 * channels], seeded with dy.
 */
export interface AttentionSubject {
  readonly kind: 'attention';
  readonly positions: number;
  readonly channels: number;
}

/** One 3 x 3 convolution, stride 1, padding 1, as many channels out as in. */
export interface ConvSubject {
  readonly kind: 'conv';
  readonly channels: number;
  readonly size: number;
  readonly batch: number;
}

/** A square matrix product. */
export interface MatMulSubject {
  readonly kind: 'matmul';
  readonly size: number;
}

/** A file that PyTorch exported, and the subject that it holds. */
export interface OnnxSubject {
  readonly kind: 'onnx';
  readonly path: string;
  readonly of: NetworkSubject;
}

/** Pictures of a folder of classes, prepared for training: a random part, mirrored or not, normalised, in batches. */
export interface PipelineSubject {
  readonly kind: 'pipeline';
  readonly folder: string;
  /** Side of a prepared picture. */
  readonly size: number;
  readonly batch: number;
  /** Times that the folder is gone through in one run. */
  readonly passes: number;
  /** Threads or processes that prepare pictures. */
  readonly workers?: number;
}

/** A file of weights, loaded whole. */
export interface LoadSubject {
  readonly kind: 'load';
  readonly path: string;
  /** Of plain reading: whether each run takes memory anew, or fills the same again. */
  readonly into?: 'new' | 'same';
}

/** What a side of the benchmark is asked to run. */
export type Subject =
  | NetworkSubject
  | NonLocalSubject
  | AttentionSubject
  | ConvSubject
  | MatMulSubject
  | OnnxSubject
  | LoadSubject
  | PipelineSubject;

/** What goes with a subject to one side: threads (the side's own default where absent) and PyTorch's memory format. */
export interface SubjectOptions {
  readonly threads?: number;
  readonly format?: 'contiguous' | 'channels_last';
}

/** One named output: float32 elements. */
export interface Part {
  readonly name: string;
  readonly values: Float32Array;
}

/** Something prepared: it runs, and says what it computes. */
export interface Runnable {
  /** One run, awaited to its end. */
  run(): Promise<void>;
  /** Outputs for comparison. Of a training step: asked once, first, it makes the first two steps. */
  output(): Promise<readonly Part[]>;
}

/** A request to a side, one line of JSON. */
export type Request =
  | { readonly do: 'prepare'; readonly subject: Subject & SubjectOptions }
  | { readonly do: 'run'; readonly n: number; readonly warm: number }
  | { readonly do: 'output'; readonly path: string }
  | { readonly do: 'export'; readonly path: string }
  | { readonly do: 'save'; readonly path: string }
  | { readonly do: 'quit' };
