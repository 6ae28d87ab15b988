import type { Language } from '../engine/types';

/** Colours. */
export type Theme = 'auto' | 'light' | 'dark';

const THEMES: readonly Theme[] = ['auto', 'light', 'dark'];
const LANGUAGES: readonly Language[] = ['en', 'zh'];

/** How this reader likes the page: kept in this browser, no part of a project. */
export class Settings {
  theme = $state<Theme>(stored('portwright.theme', THEMES) ?? 'auto');
  language = $state<Language>(stored('portwright.language', LANGUAGES) ?? (navigator.language.startsWith('zh') ? 'zh' : 'en'));
  /** Whether keys of one letter are shortcuts. */
  letters = $state(stored('portwright.letters', ['on', 'off']) !== 'off');

  /** Keeps the page's element and what is stored in step; to be called where effects live. */
  follow(): void {
    $effect(() => {
      document.documentElement.lang = this.language === 'zh' ? 'zh-CN' : 'en';
      store('portwright.language', this.language);
    });
    $effect(() => {
      document.documentElement.dataset.theme = this.theme;
      store('portwright.theme', this.theme);
    });
    $effect(() => store('portwright.letters', this.letters ? 'on' : 'off'));
  }
}

/** Storage may be forbidden: a setting is then not remembered. */
function stored<T extends string>(key: string, known: readonly T[]): T | undefined {
  try {
    const value = localStorage.getItem(key);
    return known.find((one) => one === value);
  } catch {
    return undefined;
  }
}

function store(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    return;
  }
}
