import { MediaQuery } from 'svelte/reactivity';

/** Rows outside the visible part that are drawn, too, so that scrolling shows no gap. */
const MARGIN = 12;
/** More than fit on any screen, fewer than slow one down. */
const MOST = 120;

/** Which of many rows of one height are drawn: those in sight. On paper all are. */
export class VisibleRows {
  /** How far the list is scrolled, and how much of it shows, in pixels. */
  top = $state(0);
  height = $state(600);

  #paper = new MediaQuery('print');
  #count: () => number;
  #rowHeight: number;

  constructor(count: () => number, rowHeight: number) {
    this.#count = count;
    this.#rowHeight = rowHeight;
  }

  first = $derived.by(() => {
    if (this.#paper.current) return 0;
    const first = Math.floor(this.top / this.#rowHeight) - MARGIN;
    return Math.max(0, Math.min(first, this.#count() - 1));
  });
  last = $derived.by(() => {
    if (this.#paper.current) return this.#count();
    return Math.min(this.#count(), this.first + Math.min(MOST, Math.ceil(this.height / this.#rowHeight) + 2 * MARGIN));
  });
  /** Room for the rows before and after, in pixels. */
  before = $derived.by(() => this.first * this.#rowHeight);
  after = $derived.by(() => (this.#count() - this.last) * this.#rowHeight);

  /** Scrolls an element so far that a row is in sight. */
  reveal(scroller: HTMLElement, row: number, covered = 0): void {
    const at = row * this.#rowHeight;
    const shown = scroller.clientHeight - covered;
    if (at < scroller.scrollTop) scroller.scrollTop = at;
    else if (at + this.#rowHeight > scroller.scrollTop + shown) scroller.scrollTop = at + this.#rowHeight - shown;
    this.top = scroller.scrollTop;
  }
}
