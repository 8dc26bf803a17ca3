// Labels of a container's metrics, as a kubelet and cAdvisor name them, from the annotations by which engines say in
// config.json what a container is. Who makes a pod chooses their values: these are bounded, and whatever is in them is
// quoted where they are written.

const VALUE_MAX = 256;
/** What a kubelet calls the container that holds a pod: dashboards leave it out by this name. */
const POD_CONTAINER = "POD";

type Annotations = Readonly<Record<string, unknown>>;

/** By which annotations each is known: those of containerd's CRI plugin, of CRI-O, of a kubelet. */
const ANNOTATIONS = {
  container: ["io.kubernetes.cri.container-name", "io.kubernetes.container.name"],
  pod: ["io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"],
  namespace: ["io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"],
  image: ["io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName", "io.kubernetes.cri-o.Image"],
  uid: ["io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid"],
  type: ["io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType"],
  restarts: ["io.kubernetes.container.restartCount"],
} as const;

type Name = keyof typeof ANNOTATIONS;

export interface Labels {
  /** Of what is the sandbox's: `sandbox`, and where they are known `pod`, `namespace`; `root` where there are several. */
  readonly sandbox: Readonly<Record<string, string>>;
  /** Of what is the container's: also `id`, `container`, `image`. */
  readonly container: Readonly<Record<string, string>>;
  /** Of the container's info alone. */
  readonly info: Readonly<Record<string, string>>;
  /** How often its engine says that it was made anew. */
  readonly restarts: number | undefined;
  /** What stays the same when the container is made anew. */
  readonly lasting: string;
}

/** As text that can be written as UTF-8. */
function bounded(value: unknown): string {
  return typeof value === "string" ? value.slice(0, VALUE_MAX).toWellFormed() : "";
}

function wordsOf(annotations: Annotations): Partial<Record<Name, string>> {
  const words: Partial<Record<Name, string>> = {};
  for (const [name, keys] of Object.entries(ANNOTATIONS))
    for (const key of keys) {
      const value = Object.hasOwn(annotations, key) ? bounded(annotations[key]) : "";
      if (value === "") continue;
      words[name as Name] = value;
      break;
    }
  return words;
}

/** Without empty ones, which are as good as none. */
function only(words: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(words).filter(([, value]) => value)) as Record<string, string>;
}

export interface Named {
  readonly id: string;
  /** The id of its sandbox's first container. */
  readonly sandbox: string;
  readonly root: string;
  /** Whether the root is a label: ids of several may be the same. */
  readonly hasRoots: boolean;
}

/** `config`: config.json, whatever it is. */
export function labelsOf(config: unknown, { id, sandbox, root, hasRoots }: Named): Labels {
  const { annotations } = (config ?? {}) as { annotations?: unknown };
  const isMap = typeof annotations === "object" && annotations !== null;
  const { pod, namespace, image, uid, type, restarts, ...words } = wordsOf(
    isMap ? (annotations as Annotations) : {},
  );
  const container = type === "sandbox" ? POD_CONTAINER : words.container;
  const shared = { ...(hasRoots && { root: bounded(root) }), pod, namespace };
  return {
    sandbox: only({ sandbox, ...shared }),
    container: only({ id, sandbox, container, image, ...shared }),
    info: only({ ...(!hasRoots && { root: bounded(root) }), type, uid }),
    restarts: restarts !== undefined && /^\d{1,9}$/.test(restarts) ? Number(restarts) : undefined,
    lasting: JSON.stringify(pod === undefined ? [root, id] : [namespace, pod, container]),
  };
}
