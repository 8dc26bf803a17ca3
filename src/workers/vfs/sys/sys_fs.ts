// sysfs (sysfs(5)): the few files by which programs learn of CPUs, memory nodes and huge pages. There are no
// devices, modules or network classes to see.

import { ENOENT } from "../../../shared/abi/errno.ts";
import { writeCpuList } from "../../../shared/cpu_list.ts";
import type { VfsContext } from "../context.ts";
import { GeneratedFs } from "../generated/generated_fs.ts";
import { constant, directory, file, type Subject } from "../generated/nodes.ts";
import { allCpus, cpuCount, maskOfCpus } from "./cpus.ts";

const CPU_STRIDE = 2 ** 12;

class SystemSubject implements Subject {
  readonly kernel: VfsContext;
  readonly inoBase = 0;
  readonly exists = true;
  readonly owner: Subject["owner"];

  constructor(kernel: VfsContext) {
    this.kernel = kernel;
    this.owner = kernel.users.systemOwner;
  }
}

class CpuSubject implements Subject {
  readonly kernel: VfsContext;
  readonly cpu: number;
  readonly exists = true;
  readonly owner: Subject["owner"];

  constructor(kernel: VfsContext, cpu: number) {
    this.kernel = kernel;
    this.owner = kernel.users.systemOwner;
    this.cpu = cpu;
  }

  get inoBase(): number {
    return CPU_STRIDE * (this.cpu + 1);
  }
}

const cpus = file<SystemSubject>(({ kernel }) => `${writeCpuList(allCpus(kernel))}\n`);
const cpuMask = file<SystemSubject>(({ kernel }) => `${maskOfCpus(kernel, allCpus(kernel))}\n`);
const ownMask = file<CpuSubject>(({ kernel, cpu }) => `${maskOfCpus(kernel, [cpu])}\n`);

/** Each CPU is a core of its own, in one package. */
const CPU = directory<CpuSubject>({
  online: constant(1),
  topology: directory({
    cluster_id: constant(-1),
    core_cpus: ownMask,
    core_cpus_list: file(({ cpu }) => `${cpu}\n`),
    core_id: file(({ cpu }) => `${cpu}\n`),
    core_siblings: cpuMask,
    core_siblings_list: cpus,
    die_id: constant(0),
    package_cpus: cpuMask,
    package_cpus_list: cpus,
    physical_package_id: constant(0),
    thread_siblings: ownMask,
    thread_siblings_list: file(({ cpu }) => `${cpu}\n`),
  }),
});

const CPUS = directory<SystemSubject>(
  {
    isolated: constant(""),
    kernel_max: constant(8191),
    offline: constant(""),
    online: cpus,
    possible: cpus,
    present: cpus,
  },
  {
    lookup: ({ kernel }, name) => {
      const match = /^cpu(0|[1-9][0-9]{0,4})$/.exec(name);
      const cpu = match === null ? -1 : Number(match[1]);
      if (cpu < 0 || cpu >= cpuCount(kernel)) return -ENOENT;
      return { node: CPU, subject: new CpuSubject(kernel, cpu) };
    },
    names: ({ kernel }) => allCpus(kernel).map((cpu) => `cpu${cpu}`),
    directories: ({ kernel }) => cpuCount(kernel),
  },
);

const only = constant(0);

const NODES = directory<SystemSubject>({
  has_cpu: only,
  has_memory: only,
  has_normal_memory: only,
  node0: directory({
    cpulist: cpus,
    cpumap: cpuMask,
    distance: constant(10),
  }),
  online: only,
  possible: only,
});

const ROOT = directory<SystemSubject>({
  block: directory({}),
  bus: directory({}),
  class: directory({ block: directory({}), net: directory({}), tty: directory({}) }),
  dev: directory({ block: directory({}), char: directory({}) }),
  devices: directory({
    system: directory({ cpu: CPUS, node: NODES }),
    virtual: directory({}),
  }),
  firmware: directory({}),
  fs: directory({ cgroup: directory({}) }),
  kernel: directory({
    mm: directory({
      hugepages: directory({}),
      transparent_hugepage: directory({
        defrag: constant("always defer defer+madvise [madvise] never"),
        enabled: constant("always [madvise] never"),
        hpage_pmd_size: constant(2097152),
        shmem_enabled: constant("always within_size advise [never] deny force"),
      }),
    }),
  }),
  module: directory({}),
  power: directory({}),
});

export function makeSys(kernel: VfsContext): GeneratedFs {
  return new GeneratedFs(kernel, "sysfs", ROOT, new SystemSubject(kernel));
}
