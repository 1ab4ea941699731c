// Everything the page says, in each of its languages.

export const LANGUAGES = { en: "English", de: "Deutsch", fr: "Français", es: "Español", zh: "简体中文", ja: "日本語" };

// In the order of LANGUAGES; {0}, {1} are values. Two spaces continue a row.
const TABLE = `

# Buttons
Cancel|Abbrechen|Annuler|Cancelar|取消|キャンセル
Close|Schließen|Fermer|Cerrar|关闭|閉じる
Continue|Fortsetzen|Continuer|Continuar|继续|続ける
Copied|Kopiert|Copié|Copiado|已复制|コピーしました
Copy|Kopieren|Copier|Copiar|复制|コピー
Delete|Löschen|Supprimer|Eliminar|删除|削除
Edit|Bearbeiten|Modifier|Editar|编辑|編集
Export|Exportieren|Exporter|Exportar|导出|エクスポート
Import|Importieren|Importer|Importar|导入|インポート
Rename|Umbenennen|Renommer|Cambiar nombre|重命名|名前を変更
Reset|Zurücksetzen|Réinitialiser|Restablecer|重置|リセット
Save|Speichern|Enregistrer|Guardar|保存|保存

# Page
Conversation|Unterhaltung|Conversation|Conversación|对话内容|会話
Conversations|Unterhaltungen|Conversations|Conversaciones|对话列表|会話一覧
Keyboard shortcuts|Tastenkürzel|Raccourcis clavier|Atajos de teclado|键盘快捷键|キーボードショートカット
Loading the model…|Das Modell wird geladen…|Chargement du modèle…|Cargando el modelo…|正在加载模型…|モデルを読み込んでいます…
New chat|Neuer Chat|Nouveau chat|Nuevo chat|新对话|新しいチャット
Quit|Beenden|Quitter|Salir|退出|終了
Search|Suchen|Rechercher|Buscar|搜索|検索
Settings|Einstellungen|Réglages|Ajustes|设置|設定
The model cannot be used|Das Modell ist nicht verfügbar|Le modèle est indisponible|El modelo no está disponible|模型无法使用|モデルを使用できません
What is on your mind?|Worum geht es?|À quoi pensez-vous ?|¿En qué piensas?|想聊点什么？|何を話しましょうか？
What you write stays on the computer this runs on.|Alles bleibt auf dem Rechner, auf dem dies läuft.
  |Tout reste sur l’ordinateur qui exécute ceci.|Todo se queda en el equipo donde se ejecuta.|内容只留在运行本程序的电脑上。|入力は、これを動かすコンピューターに残ります。
You|Frage|Vous|Tú|你|あなた

# Answers
{0} cached|{0} im Cache|{0} en cache|{0} en caché|缓存 {0}|キャッシュ {0}
{0} of {1} left|{0} von {1} frei|{0} restants sur {1}|quedan {0} de {1}|剩余 {0} / {1}|残り {0} / {1}
{0} tokens/s|{0} Tokens/s|{0} tokens/s|{0} tokens/s|{0} token/秒|{0} トークン/秒
Answer|Antwort|Réponse|Respuesta|回答|回答
Code|Code|Code|Código|代码|コード
Message|Nachricht|Message|Mensaje|消息|メッセージ
Next version|Nächste Fassung|Version suivante|Versión siguiente|下一版本|次の版
Previous version|Vorige Fassung|Version précédente|Versión anterior|上一版本|前の版
read at {0}/s|gelesen mit {0}/s|lus à {0}/s|leídos a {0}/s|读取 {0}/秒|読み取り {0}/秒
Regenerate|Neu erzeugen|Régénérer|Regenerar|重新生成|再生成
Send|Senden|Envoyer|Enviar|发送|送信
Stop|Anhalten|Arrêter|Detener|停止|停止
Table|Tabelle|Tableau|Tabla|表格|表
Try again|Erneut versuchen|Réessayer|Reintentar|重试|再試行
Write a message|Nachricht schreiben|Écrire un message|Escribe un mensaje|输入消息|メッセージを入力

# Settings
Answer in JSON|In JSON antworten|Répondre en JSON|Responder en JSON|用 JSON 回答|JSON で回答する
Appearance|Darstellung|Apparence|Apariencia|外观|外観
Automatic|Automatisch|Automatique|Automático|自动|自動
Creative|Kreativ|Créatif|Creativo|创意|創造的
Dark|Dunkel|Sombre|Oscuro|深色|ダーク
Example|Beispiel|Exemple|Ejemplo|示例|例
Functions|Funktionen|Fonctions|Funciones|函数|関数
High contrast|Hoher Kontrast|Contraste élevé|Alto contraste|高对比度|ハイコントラスト
JSON schema|JSON-Schema|Schéma JSON|Esquema JSON|JSON Schema|JSON スキーマ
Language|Sprache|Langue|Idioma|语言|言語
Light|Hell|Clair|Claro|浅色|ライト
Model|Modell|Modèle|Modelo|模型|モデル
Model and adapters|Modell und Adapter|Modèle et adaptateurs|Modelo y adaptadores|模型与适配器|モデルとアダプター
Off|Aus|Désactivé|Desactivado|关|オフ
Offer these functions|Diese Funktionen anbieten|Proposer ces fonctions|Ofrecer estas funciones|提供这些函数|これらの関数を提供
On|Ein|Activé|Activado|开|オン
Only in this conversation.|Nur in dieser Unterhaltung.|Seulement dans cette conversation.|Solo en esta conversación.|仅用于此对话。|この会話だけ。
Precise|Präzise|Précis|Preciso|精确|正確
Reasoning|Nachdenken|Raisonnement|Razonamiento|推理|推論
Result|Ergebnis|Résultat|Resultado|结果|結果
Sampling|Sampling|Échantillonnage|Muestreo|采样|サンプリング
System prompt|Systemprompt|Prompt système|Prompt del sistema|系统提示词|システムプロンプト
Theme|Farbschema|Thème|Tema|主题|テーマ
Tools|Werkzeuge|Outils|Herramientas|工具|ツール

# Key
API key|API-Schlüssel|Clé API|Clave de API|API 密钥|API キー
This server asks for a key.|Dieser Server verlangt einen Schlüssel.|Ce serveur demande une clé.|Este servidor pide una clave.|此服务器需要密钥。
  |このサーバーにはキーが必要です。

# Errors
The answer was cut off: the connection ended.|Die Antwort brach ab: Die Verbindung endete.|Réponse coupée : la connexion a pris fin.
  |La respuesta se cortó: terminó la conexión.|回答中断：连接已断开。|接続が切れ、回答が途切れました。
The model is loading. Try again soon.|Das Modell wird geladen. Bitte gleich erneut versuchen.|Le modèle se charge. Réessayez bientôt.
  |El modelo se está cargando. Inténtalo pronto.|正在加载模型，请稍后再试。|モデルを読み込み中です。後で再試行してください。
The program does not answer. Is it running?|Das Programm antwortet nicht. Läuft es?|Le programme ne répond pas. Est-il lancé ?
  |El programa no responde. ¿Está en marcha?|程序没有响应。在运行吗？|プログラムが応答しません。動いていますか？
The server answered {0}.|Der Server antwortete mit {0}.|Le serveur a répondu {0}.|El servidor respondió {0}.|服务器返回 {0}。|サーバーの応答は {0} でした。
This chat is too long: {0} tokens, {1} fit.|Der Chat ist zu lang: {0} Tokens, {1} passen.|Chat trop long : {0} tokens, {1} au plus.
  |Chat demasiado largo: {0} tokens, caben {1}.|对话太长：{0} token，最多 {1}。|チャットが長すぎます：{0} トークン（上限 {1}）。
This conversation is gone.|Diese Unterhaltung gibt es nicht mehr.|Cette conversation n’existe plus.|Esta conversación ya no existe.
  |此对话已不存在。|この会話はもうありません。

# End
{0} has ended. Open it again to go on.|{0} ist beendet. Zum Weitermachen neu öffnen.|{0} s’est arrêté. Rouvrez-le pour continuer.
  |{0} ha terminado. Ábrelo de nuevo para seguir.|{0} 已结束。重新打开即可继续。|{0} は終了しました。開き直すと続けられます。
Quit {0}?|{0} beenden?|Quitter {0} ?|¿Salir de {0}?|退出 {0}？|{0} を終了しますか？

# Schema
breaks {0}|verletzt {0}|enfreint {0}|incumple {0}|违反 {0}|{0} に違反
Not allowed|Nicht erlaubt|Non autorisé|No permitido|不允许|許可されていません
The answer breaks the schema:|Die Antwort verletzt das Schema:|La réponse enfreint le schéma :|La respuesta incumple el esquema:
  |回答违反 Schema：|回答がスキーマに反します：
The answer follows the schema.|Die Antwort folgt dem Schema.|La réponse suit le schéma.|La respuesta sigue el esquema.|回答符合 Schema。
  |スキーマどおりです。
too much to check|zu viel zum Prüfen|trop long à vérifier|demasiado para comprobar|内容过多，无法检查|多すぎて検査できません

# Files
{0} tokens|{0} Tokens|{0} tokens|{0} tokens|{0} token|{0} トークン
{0} tokens in files, {1} fit|{0} Tokens in Dateien, {1} passen|{0} tokens de fichiers, {1} au plus|{0} tokens en archivos, caben {1}
  |文件 {0} token，上限 {1}|ファイル {0} トークン（上限 {1}）
At most {0} files.|Höchstens {0} Dateien.|{0} fichiers au plus.|Como máximo {0} archivos.|最多 {0} 个文件。|ファイルは {0} 個までです。
Attach files|Dateien anhängen|Joindre des fichiers|Adjuntar archivos|添加文件|ファイルを添付
Files|Dateien|Fichiers|Archivos|文件|ファイル
It has no text, as scans have none.|Ohne Text, wie ein Scan.|Sans texte, comme un scan.|Sin texto, como un escaneo.|没有文本，可能是扫描件。
  |テキストのないスキャンのようです。
Larger than {0} MB.|Größer als {0} MB.|Plus de {0} Mo.|Más de {0} MB.|超过 {0} MB。|{0} MB を超えています。
Only text, PDF and pictures can be read.|Nur Text, PDF und Bilder sind lesbar.|Seuls texte, PDF et images sont lisibles.
  |Solo se leen texto, PDF e imágenes.|只能读取文本、PDF 和图片。|読めるのはテキスト、PDF、画像だけです。
Reading…|Wird gelesen…|Lecture…|Leyendo…|正在读取…|読み取り中…
Remove {0}|{0} entfernen|Retirer {0}|Quitar {0}|移除 {0}|{0} を取り除く
It needs a password.|Es braucht ein Passwort.|Un mot de passe est requis.|Requiere contraseña.|需要密码。|パスワードが必要です。
This model reads text only.|Dieses Modell liest nur Text.|Ce modèle ne lit que du texte.|Este modelo solo lee texto.|此模型只能读取文本。
  |このモデルが読めるのはテキストだけです。

# Notebook
← →: what else a token could be|← →: was statt eines Tokens stehen könnte|← → : ce qu’un token pourrait être d’autre
  |← →: qué otro token podría ser|← →：该 token 的其他可能|← →：トークンのほかの候補
Text|Text|Texte|Texto|文本|テキスト
Undo|Rückgängig|Défaire|Deshacer|撤销|元に戻す

# Keyboard
Ctrl|Strg|Ctrl|Ctrl|Ctrl|Ctrl
Enter|Eingabe|Entrée|Intro|Enter|Enter
Escape|Esc|Échap|Esc|Esc|Esc
Shift|Umschalt|Maj|Mayús|Shift|Shift

# Conversations
Actions: {0}|Aktionen: {0}|Actions : {0}|Acciones: {0}|操作：{0}|操作：{0}
Delete “{0}” for good?|„{0}“ endgültig löschen?|Supprimer « {0} » pour toujours ?|¿Eliminar «{0}» para siempre?|永久删除“{0}”？|「{0}」を完全に削除しますか？
Export all|Alle exportieren|Tout exporter|Exportar todo|全部导出|すべてエクスポート
Found: {0}|Gefunden: {0}|Résultats : {0}|Encontradas: {0}|找到：{0}|検索結果：{0}
Imported: {0}|Importiert: {0}|Importées : {0}|Importadas: {0}|已导入：{0}|インポート済み：{0}
Not a whole export: {0}|Kein ganzer Export: {0}|Export incomplet : {0}|Exportación incompleta: {0}|导出不完整：{0}|不完全なエクスポート：{0}
New notebook|Neues Notizbuch|Nouveau bloc-notes|Nuevo cuaderno|新笔记本|新しいノートブック
This browser keeps no conversations: export them.|Dieser Browser behält keine Unterhaltungen: bitte exportieren.
  |Ce navigateur ne garde pas les conversations : exportez-les.|Este navegador no guarda conversaciones: expórtalas.|此浏览器不保存对话：请导出。
  |このブラウザーは会話を保存しません：エクスポートしてください。
`;

/** English -> the others, in order. */
export const WORDS = Object.fromEntries(
  TABLE.replaceAll("\n  ", "").split("\n").filter((row) => row.includes("|")).map((row) => row.split("|")).map(([english, ...others]) => [english, others]),
);
