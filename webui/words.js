// Everything the page says, in each of its languages. The key of a row is its English; {0}, {1} stand for values.

export const LANGUAGES = { en: "English", de: "Deutsch", fr: "Français", es: "Español", zh: "简体中文", ja: "日本語" };

export const WORDS = {
  // Buttons that many parts have
  "Cancel": ["Abbrechen", "Annuler", "Cancelar", "取消", "キャンセル"],
  "Close": ["Schließen", "Fermer", "Cerrar", "关闭", "閉じる"],
  "Continue": ["Fortfahren", "Continuer", "Continuar", "继续", "続ける"],
  "Copied": ["Kopiert", "Copié", "Copiado", "已复制", "コピーしました"],
  "Copy": ["Kopieren", "Copier", "Copiar", "复制", "コピー"],
  "Delete": ["Löschen", "Supprimer", "Eliminar", "删除", "削除"],
  "Done": ["Fertig", "Terminé", "Listo", "完成", "完了"],
  "Edit": ["Bearbeiten", "Modifier", "Editar", "编辑", "編集"],
  "Export": ["Exportieren", "Exporter", "Exportar", "导出", "エクスポート"],
  "Import": ["Importieren", "Importer", "Importar", "导入", "インポート"],
  "Not allowed here": ["Hier nicht erlaubt", "Non autorisé ici", "No permitido aquí", "此处不允许", "ここでは許可されていません"],
  "Remove": ["Entfernen", "Retirer", "Quitar", "移除", "取り除く"],
  "Rename": ["Umbenennen", "Renommer", "Cambiar nombre", "重命名", "名前を変更"],
  "Reset": ["Zurücksetzen", "Réinitialiser", "Restablecer", "重置", "リセット"],
  "Save": ["Speichern", "Enregistrer", "Guardar", "保存", "保存"],

  // The page
  "Conversation": ["Unterhaltung", "Conversation", "Conversación", "对话内容", "会話"],
  "Conversations": ["Unterhaltungen", "Conversations", "Conversaciones", "对话列表", "会話一覧"],
  "Loading the model…": ["Das Modell wird geladen…", "Chargement du modèle…", "Cargando el modelo…", "正在加载模型…", "モデルを読み込んでいます…"],
  "New chat": ["Neuer Chat", "Nouvelle discussion", "Nuevo chat", "新对话", "新しいチャット"],
  "Search": ["Suchen", "Rechercher", "Buscar", "搜索", "検索"],
  "Settings": ["Einstellungen", "Réglages", "Ajustes", "设置", "設定"],
  "Starting…": ["Startet…", "Démarrage…", "Iniciando…", "正在启动…", "起動しています…"],
  "The model cannot be used": [
    "Das Modell ist nicht verfügbar", "Le modèle est indisponible", "El modelo no está disponible", "模型无法使用", "モデルを使用できません"],
  "What is on your mind?": ["Worum geht es?", "À quoi pensez-vous ?", "¿En qué piensas?", "想聊点什么？", "何を話しましょうか？"],
  "What you write stays on the computer this runs on.": [
    "Alles Geschriebene bleibt auf dem Rechner, auf dem dies läuft.", "Ce que vous écrivez reste sur l’ordinateur qui exécute ce programme.",
    "Lo que escribes se queda en el equipo donde se ejecuta esto.", "您输入的内容只保留在运行本程序的电脑上。",
    "入力した内容は、これを実行しているコンピューターから出ません。"],

  // Writing and answers
  "{0} of {1} tokens of context": [
    "{0} von {1} Tokens Kontext", "{0} tokens de contexte sur {1}", "{0} de {1} tokens de contexto", "上下文 {0} / {1} token", "コンテキスト {0} / {1} トークン"],
  "{0} tokens/s": ["{0} Tokens/s", "{0} tokens/s", "{0} tokens/s", "{0} token/秒", "{0} トークン/秒"],
  "Answer": ["Antwort", "Réponse", "Respuesta", "回答", "回答"],
  "Message": ["Nachricht", "Message", "Mensaje", "消息", "メッセージ"],
  "Regenerate": ["Neu erzeugen", "Régénérer", "Regenerar", "重新生成", "再生成"],
  "Send": ["Senden", "Envoyer", "Enviar", "发送", "送信"],
  "Stop": ["Anhalten", "Arrêter", "Detener", "停止", "停止"],
  "Try again": ["Erneut versuchen", "Réessayer", "Reintentar", "重试", "再試行"],
  "Write a message": ["Nachricht schreiben", "Écrire un message", "Escribe un mensaje", "输入消息", "メッセージを入力"],
  "You": ["Frage", "Vous", "Tú", "您", "あなた"],

  // Settings
  "Longest answer, in tokens": [
    "Längste Antwort, in Tokens", "Longueur maximale, en tokens", "Respuesta más larga, en tokens", "回答最大长度（token）", "回答の最大長（トークン）"],
  "System prompt": ["Systemprompt", "Prompt système", "Prompt del sistema", "系统提示词", "システムプロンプト"],
  "Temperature (low: predictable, high: surprising)": [
    "Temperatur (niedrig: vorhersehbar, hoch: überraschend)", "Température (basse : prévisible, haute : surprenante)",
    "Temperatura (baja: previsible, alta: sorprendente)", "温度（低：可预测，高：出人意料）", "温度（低：予測しやすい、高：意外性がある）"],
  "What the model should know before every chat": [
    "Was das Modell vor jedem Chat wissen soll", "Ce que le modèle doit savoir avant chaque discussion", "Lo que el modelo debe saber antes de cada chat",
    "每次对话前模型应知道的内容", "毎回のチャットの前にモデルが知っておくべきこと"],
  "no limit": ["unbegrenzt", "sans limite", "sin límite", "不限", "無制限"],

  // The key of the server
  "API key": ["API-Schlüssel", "Clé API", "Clave de API", "API 密钥", "API キー"],
  "Key": ["Schlüssel", "Clé", "Clave", "密钥", "キー"],
  "This server asks for a key": ["Dieser Server verlangt einen Schlüssel", "Ce serveur demande une clé", "Este servidor pide una clave", "此服务器需要密钥", "このサーバーにはキーが必要です"],

  // Errors
  "lmfile does not answer. Is it still running?": [
    "lmfile antwortet nicht. Läuft es noch?", "lmfile ne répond pas. Est-il toujours lancé ?", "lmfile no responde. ¿Sigue en marcha?",
    "lmfile 没有响应。它还在运行吗？", "lmfile が応答しません。まだ動いていますか？"],
};
