"""Two hundred short questions, each a task about a subject."""

TASKS = (
    "What is {}?",
    "Explain {} to a child.",
    "Name three facts about {}.",
    "Write one sentence about {}.",
    "Write a short poem about {}.",
    "Why do people like {}?",
    "Give me a title for a book about {}.",
    "Compare {} with a river.",
    "Ask me a question about {}.",
    "Tell me a joke about {}.",
)

SUBJECTS = (
    "the moon",
    "bread",
    "a violin",
    "winter",
    "the number seven",
    "a compiler",
    "honey bees",
    "the Roman Empire",
    "chess",
    "volcanoes",
    "a lighthouse",
    "friendship",
    "electricity",
    "old maps",
    "the colour blue",
    "a bicycle",
    "tea",
    "gravity",
    "the city of Paris",
    "sorting a list in Python",
)

PROMPTS = tuple(task.format(subject) for subject in SUBJECTS for task in TASKS)
