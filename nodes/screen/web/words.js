// What the page says, in two languages. Reasons, alarms and rules are said as their books say them.

export const LANGUAGES = { en: "English", ja: "日本語" };

const WORDS = {
  en: {
    PASS: "PASS", WARN: "WARN", FAIL: "FAIL", NO_READ: "NO READ", none: "WAITING",
    line: "Line", rejects: "Rejects", reasons: "Reasons", trend: "Trend", alarms: "Alarms",
    shift: "Shift", batch: "Batch", before: "Last shift",
    running: "RUNNING", starting: "STARTING", draining: "STOPPING", ended: "ENDED", faulty: "FAULT", idle: "NO PARTS",
    unknown: "NO LINE", lost: "NO CONNECTION", lostSince: "Nothing heard since {t}. What stands here is old.",
    inspected: "inspected", rate: "FAIL rate", worst: "fails most", notInspected: "not inspected",
    images: "IMAGES LEAVE THIS CAMERA", shownImages: "CAMERA IMAGES SHOWN", missing: "{n} frames missing", settling: "SETTLING", unsure: "UNSURE",
    part: "Part {n}", frame: "Frame {n}", gap: "Frames {a} to {b} missing",
    noRejects: "No rejects.", noReasons: "No reasons yet.", noTrend: "The first point comes after {t}.",
    noAlarms: "Every alarm is normal.", noBook: "No alarms on this host: its line has no alarm book, or they run on another host.", silent: "The alarms do not answer.",
    measured: "measured", allowed: "allowed", rule: "rule", seen: "Seen", where: "Where", decided: "Decided by",
    session: "Session", notSeen: "Nothing of it was seen.", notDrawn: "No view of it came here.",
    gone: "This verdict is no longer kept here: only the last rejects are, and those that alarms stand for. The archive has it: kensa draw.",
    more: "and {n} more", perCamera: "By camera", all: "All cameras", of: "of", share: "share", sum: "together",
    center: "mean", upper: "upper limit", lower: "lower limit", outside: "outside the limits",
    open: "not over yet", newRules: "new rules", noLimits: "Limits from {n} points on.", point: "a point: {t}",
    cause: "Cause", consequence: "If nobody acts", action: "Do", show: "Show verdict", details: "Details",
    acknowledge: "Acknowledge", shelve: "Shelve", unshelve: "End shelf", reset: "Reset",
    unacknowledged: "not acknowledged", acknowledged: "acknowledged", returned_unacknowledged: "over, not acknowledged",
    latched_unacknowledged: "latched, not acknowledged", latched: "latched", shelved: "shelved",
    suppressed: "suppressed", out_of_service: "out of service", normal: "normal",
    critical: "critical", high: "high", medium: "medium", low: "low",
    until: "until {t}", by: "by {who}", since: "since {t}", first: "first of its group", chattering: "chattering",
    perHour: "{n} an hour", waiting: "{n} to be acknowledged",
    signIn: "Sign in", signOut: "Sign out", token: "Token", name: "Your name", readOnly: "View only",
    cancel: "Cancel", close: "Close", ok: "OK", why: "Why?", ownWords: "or in your own words", howLong: "For how long?",
    wrongToken: "The token is not known.", noActions: "Nobody can act at this screen: it has no tokens.",
    needName: "Say who you are.", needWhy: "Say why.", failed: "Not done: {why}", unreachable: "The screen does not answer.",
    newBatch: "New batch", batchName: "Name of the batch", rules: "Rules", model: "Network", notices: "Notices",
    trial: "Trial", known: "Known, being repaired", maintenance: "Maintenance", changeover: "Changeover",
    minutes: "{n} min", hours: "{n} h", language: "Language", help: "Keys", keys: "1–5 views · ←→ choose · Enter open · L language · S sign in · Esc close",
    reason: "Reason", total: "Total", previous: "Previous", next: "Next", shape: "sign", connected: "{n} look",
  },
  ja: {
    PASS: "合格", WARN: "注意", FAIL: "不良", NO_READ: "判定不可", none: "待機",
    line: "ライン", rejects: "不良品", reasons: "原因", trend: "推移", alarms: "アラーム",
    shift: "シフト", batch: "バッチ", before: "前シフト",
    running: "稼働中", starting: "起動中", draining: "停止中", ended: "終了", faulty: "異常", idle: "ワークなし",
    unknown: "ラインなし", lost: "通信断", lostSince: "{t} から受信なし。表示は古い情報です。",
    inspected: "検査数", rate: "不良率", worst: "不良最多", notInspected: "未検査",
    images: "画像がこのカメラから出力中", shownImages: "カメラ画像を表示中", missing: "{n} フレーム欠落", settling: "切替中", unsure: "不確か",
    part: "ワーク {n}", frame: "フレーム {n}", gap: "フレーム {a}～{b} 欠落",
    noRejects: "不良品はありません。", noReasons: "まだ原因はありません。", noTrend: "最初の点は {t} 後に表示されます。",
    noAlarms: "アラームはありません。", noBook: "このホストにアラームはありません。アラーム表がないか、別のホストで動いています。", silent: "アラームが応答しません。",
    measured: "測定値", allowed: "許容", rule: "ルール", seen: "時刻", where: "場所", decided: "判定ルール",
    session: "セッション", notSeen: "映像がありません。", notDrawn: "この画面に映像が届いていません。",
    gone: "この判定はもうここにありません。保存されるのは直近の不良品と、アラームの対象だけです。アーカイブから表示できます: kensa draw",
    more: "他 {n} 件", perCamera: "カメラ別", all: "全カメラ", of: "/", share: "割合", sum: "累計",
    center: "平均", upper: "上方管理限界", lower: "下方管理限界", outside: "管理限界外",
    open: "集計中", newRules: "ルール変更", noLimits: "管理限界は {n} 点から表示します。", point: "1点: {t}",
    cause: "原因", consequence: "放置した場合", action: "処置", show: "判定を見る", details: "詳細",
    acknowledge: "確認", shelve: "一時保留", unshelve: "保留解除", reset: "リセット",
    unacknowledged: "未確認", acknowledged: "確認済み", returned_unacknowledged: "復帰・未確認",
    latched_unacknowledged: "保持・未確認", latched: "保持", shelved: "保留中",
    suppressed: "抑止中", out_of_service: "使用停止", normal: "正常",
    critical: "緊急", high: "高", medium: "中", low: "低",
    until: "{t} まで", by: "{who}", since: "{t} から", first: "最初の発報", chattering: "チャタリング",
    perHour: "毎時 {n} 件", waiting: "未確認 {n} 件",
    signIn: "ログイン", signOut: "ログアウト", token: "トークン", name: "氏名", readOnly: "表示のみ",
    cancel: "取消", close: "閉じる", ok: "OK", why: "理由", ownWords: "その他の理由", howLong: "時間",
    wrongToken: "トークンが違います。", noActions: "トークンがないため、この画面では操作できません。",
    needName: "氏名を入力してください。", needWhy: "理由を入力してください。", failed: "実行できません: {why}", unreachable: "画面サーバーが応答しません。",
    newBatch: "新バッチ", batchName: "バッチ名", rules: "ルール", model: "ネットワーク", notices: "お知らせ",
    trial: "試作", known: "原因判明・修理中", maintenance: "保全", changeover: "段取り替え",
    minutes: "{n} 分", hours: "{n} 時間", language: "言語", help: "キー", keys: "1–5 表示切替 · ←→ 選択 · Enter 開く · L 言語 · S ログイン · Esc 閉じる",
    reason: "原因", total: "合計", previous: "前へ", next: "次へ", shape: "記号", connected: "閲覧 {n}",
  },
};

let lang = "en";

/** Say everything in a language from now on. */
export function speak(wanted) {
  lang = wanted in WORDS ? wanted : "en";
  document.documentElement.lang = lang;
}

export const spoken = () => lang;

/** The other language. */
export const other = () => (lang === "en" ? "ja" : "en");

/** A word or a sentence, with what stands in its braces. */
export function say(key, values = {}) {
  return WORDS[lang][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** Whether both languages have the same words: for tests. */
export const gaps = () => Object.keys({ ...WORDS.en, ...WORDS.ja }).filter((key) => !(key in WORDS.en && key in WORDS.ja));

/** A name that somebody else gave: read as words. */
export const plain = (name) => name.replace(/_/g, " ");

/** Names as people order them: cam-2 before cam-10. */
export const ordered = (names) => [...names].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));

export const number = (value) => value.toLocaleString(lang);

export function percent(share) {
  const digits = share >= 0.1 || share === 0 ? 0 : 1;
  return share.toLocaleString(lang, { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Seconds, minutes or hours, in words. */
export function span(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return say("minutes", { n: Math.round(seconds / 60) });
  return say("hours", { n: Math.round(seconds / 360) / 10 });
}

let zone;
let now = Date.now();

/** The zone of the plant, the viewer's own where the plant has not said; and its time. */
export function stand(wanted, time) {
  zone = wanted || undefined;
  now = time;
}

/** A time of day; with the date where it is of another day. */
export function clock(t, seconds = true) {
  const told = new Date(t);
  const day = { timeZone: zone, day: "numeric", month: "short" };
  const time = { timeZone: zone, hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined, hourCycle: "h23" };
  const same = told.toLocaleDateString(lang, day) === new Date(now).toLocaleDateString(lang, day);
  return (same ? "" : `${told.toLocaleDateString(lang, day)} `) + told.toLocaleTimeString(lang, time);
}
