/** A text with what it may be completed to below it: by mouse, or by arrows and Enter. The pattern is WAI-ARIA's combobox with a listbox. */
import { html, useEffect, useLayoutEffect, useRef, useState } from '../lib/preact.js';
import { Field } from './field.js';

/**
 * @param {{ label: string, hint?: any, wrong?: string | null, value: string, placeholder?: string, options: { key: string, text: string, note?: string }[], onInput: (value: string, caret: number) => void, onPick: (option: any) => number | void, onLeave?: () => void, isCode?: boolean }} props
 *   `onInput` is also told where the caret went; `onPick` may answer where it is to stand; `isCode`: in letters of one width
 */
export function Combo({ label, hint, wrong, value, placeholder, options, onInput, onPick, isCode = false }) {
  const [isOpen, setOpen] = useState(false);
  const [marked, setMarked] = useState({ keys: '', index: -1 });
  const [caret, setCaret] = useState(null);
  const input = useRef(null);
  const list = useRef(null);
  const shown = isOpen && options.length > 0;
  const keys = options.map(({ key }) => key).join(' ');

  // Of other options none is marked.
  const active = marked.keys === keys ? marked.index : -1;
  // Before the next key comes: later it would take the caret back from what was typed meanwhile.
  useLayoutEffect(() => {
    if (caret !== null) {
      input.current.setSelectionRange(caret, caret);
      setCaret(null);
    }
  }, [caret]);
  useEffect(() => list.current?.children[active]?.scrollIntoView({ block: 'nearest' }), [active]);

  const pick = (option) => {
    const next = onPick(option);
    if (typeof next === 'number') {
      input.current.focus();
      setCaret(next);
    } else {
      setOpen(false);
    }
  };
  const onKeyDown = (event) => {
    if (event.key === 'Escape') {
      setOpen(false);
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      setOpen(true);
      const step = event.key === 'ArrowDown' ? 1 : -1;
      setMarked({ keys, index: options.length === 0 ? -1 : (active + step + options.length + (active < 0 && step < 0 ? 1 : 0)) % options.length });
    } else if (event.key === 'Enter' && shown && active >= 0) {
      event.preventDefault();
      pick(options[active]);
    }
  };
  const tell = (event) => {
    setOpen(true);
    onInput(event.currentTarget.value, event.currentTarget.selectionStart);
  };
  return html`<${Field} label=${label} hint=${hint} wrong=${wrong}>${(attributes) => html`<div class="combo">
    <input ...${attributes} ref=${input} class=${isCode ? 'as-code' : ''} role="combobox" aria-autocomplete="list" aria-expanded=${shown} aria-controls=${`${attributes.id}-list`} aria-activedescendant=${shown && active >= 0 ? `${attributes.id}-${active}` : undefined}
      autocomplete="off" spellcheck=${false} placeholder=${placeholder} value=${value} onInput=${tell} onClick=${tell} onFocus=${tell} onKeyDown=${onKeyDown} onBlur=${() => setOpen(false)} />
    <ul id=${`${attributes.id}-list`} role="listbox" aria-label=${`${label}: suggestions`} hidden=${!shown} ref=${list}>${options.map((option, index) => html`<li key=${option.key} id=${`${attributes.id}-${index}`} role="option" aria-selected=${index === active} onMouseDown=${(event) => event.preventDefault()} onClick=${() => pick(option)}>
      <span>${option.text}</span>${option.note && html`<span class="muted">${option.note}</span>`}</li>`)}</ul>
  </div>`}<//>`;
}
