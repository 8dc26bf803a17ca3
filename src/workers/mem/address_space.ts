// An address space (Linux's mm): layout, program break, and the VMA set.

export interface Layout {
  mmapBase: number;
  stackTop: number;
  brkStart: number;
}

export class AddressSpace {
  readonly layout: Layout;
  brk: number;
  nextMap: number;

  constructor(layout: Layout) {
    this.layout = layout;
    this.brk = layout.brkStart;
    this.nextMap = layout.mmapBase;
  }
}
