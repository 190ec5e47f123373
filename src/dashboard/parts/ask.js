/** The dialog before a step that cannot simply be taken back: it says what will happen. And the line that says what has happened. */
import { html, useEffect, useRef, useState } from '../lib/preact.js';

let show = () => undefined;
let tell = () => undefined;
const NOTICE_MS = 6000;

/**
 * @param {{ title: string, says: any, action: string, danger?: boolean }} question `says`: what will happen, a text or drawn; `action`: what the button says
 * @returns {Promise<boolean>} whether the answer was yes
 */
export function ask(question) {
  return new Promise((resolve) => show({ ...question, resolve }));
}

/** Says what was done, for some seconds and to screen readers. */
export function notice(text) {
  tell(text);
}

/** One of it is drawn by the frame. */
export function AskDialog() {
  const [question, setQuestion] = useState(null);
  const dialog = useRef(null);
  show = setQuestion;
  useEffect(() => {
    if (question !== null && !dialog.current.open) {
      dialog.current.returnValue = '';
      dialog.current.showModal();
    }
  }, [question]);
  const onClose = () => {
    question.resolve(dialog.current.returnValue === 'yes');
    setQuestion(null);
  };
  return question !== null && html`<dialog class="ask" ref=${dialog} aria-labelledby="ask-title" onClose=${onClose}>
    <form method="dialog">
      <h2 id="ask-title">${question.title}</h2>
      <div>${question.says}</div>
      <div class="row">
        <button value="no">Cancel</button>
        <button value="yes" class=${question.danger ? 'danger' : 'primary'}>${question.action}</button>
      </div>
    </form>
  </dialog>`;
}

/** One of it is drawn by the frame. */
export function Notice() {
  const [text, setText] = useState('');
  const timer = useRef(undefined);
  tell = (next) => {
    clearTimeout(timer.current);
    setText(next);
    timer.current = setTimeout(() => setText(''), NOTICE_MS);
  };
  return html`<div class="notice" role="status">${text}</div>`;
}
