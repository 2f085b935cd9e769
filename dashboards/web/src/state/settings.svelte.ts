// What this browser remembers of its reader: the language, light or dark, and the person's name.
import type { Lang, Text } from '../api/types';
import { say, type Word } from '../lib/words';

export type Theme = 'system' | 'light' | 'dark';

/** A browser that keeps nothing (a private window) still shows the page; it only forgets. */
function remembered(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Forgotten at the next visit, as said above.
  }
}

const startLang = (): Lang => {
  const kept = remembered('lang');
  if (kept === 'zh' || kept === 'en') return kept;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
};

const startTheme = (): Theme => {
  const kept = remembered('theme');
  return kept === 'light' || kept === 'dark' ? kept : 'system';
};

const systemIsDark = matchMedia('(prefers-color-scheme: dark)');

class Settings {
  #lang = $state<Lang>(startLang());
  #theme = $state<Theme>(startTheme());
  #person = $state(remembered('person') ?? '');
  #systemDark = $state(systemIsDark.matches);

  constructor() {
    systemIsDark.addEventListener('change', (event) => (this.#systemDark = event.matches));
  }

  get lang(): Lang {
    return this.#lang;
  }

  set lang(lang: Lang) {
    this.#lang = lang;
    remember('lang', lang);
  }

  get theme(): Theme {
    return this.#theme;
  }

  set theme(theme: Theme) {
    this.#theme = theme;
    remember('theme', theme);
  }

  /** What is really shown. */
  get shade(): 'light' | 'dark' {
    if (this.#theme !== 'system') return this.#theme;
    return this.#systemDark ? 'dark' : 'light';
  }

  /** Who acts here; empty until asked. */
  get person(): string {
    return this.#person;
  }

  set person(name: string) {
    this.#person = name;
    remember('person', name);
  }
}

export const settings = new Settings();

/** A word in the reader's language. */
export function t(word: Word, filled?: Record<string, string | number>): string {
  return say(settings.lang, word, filled);
}

/** A text in the reader's language. */
export const inLang = (text: Text): string => text[settings.lang];
