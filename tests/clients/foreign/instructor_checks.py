"""instructor, unmodified: objects by JSON and by tools."""

import asyncio
import os
from typing import Literal

import instructor
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

URL = f"{os.environ['LMFILE_URL']}/v1"
QUESTION = [{"role": "user", "content": "Ann is 31 years old and likes red. Describe her."}]
ASKED = {"model": "any", "messages": QUESTION, "temperature": 0, "max_tokens": 200, "max_retries": 0}


class Person(BaseModel):
    """What is asked for."""

    name: str
    age: int
    colour: Literal["red", "green", "blue"]


@pytest.mark.parametrize("mode", [instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA])
def test_an_object(mode: instructor.Mode) -> None:
    client = instructor.from_openai(OpenAI(base_url=URL, api_key="none", timeout=120), mode=mode)
    person = client.chat.completions.create(**ASKED, response_model=Person)
    assert person.colour in ("red", "green", "blue")


def test_json_mode() -> None:
    """The mode tells the model its schema and asks for any JSON; as with llama-server, the schema can bind."""
    client = instructor.from_openai(OpenAI(base_url=URL, api_key="none", timeout=120), mode=instructor.Mode.JSON)
    bound = {"response_format": {"type": "json_object", "schema": Person.model_json_schema()}}
    person = client.chat.completions.create(**ASKED, response_model=Person, extra_body=bound)
    assert person.colour in ("red", "green", "blue")


def test_a_growing_object() -> None:
    client = instructor.from_openai(OpenAI(base_url=URL, api_key="none", timeout=120), mode=instructor.Mode.TOOLS)
    parts = list(client.chat.completions.create_partial(**ASKED, response_model=Person))
    assert len(parts) > 1
    assert parts[-1].colour in ("red", "green", "blue")


def test_without_blocking() -> None:
    async def scenario() -> Person:
        async with AsyncOpenAI(base_url=URL, api_key="none", timeout=120) as openai:
            client = instructor.from_openai(openai, mode=instructor.Mode.TOOLS)
            return await client.chat.completions.create(**ASKED, response_model=Person)

    assert asyncio.run(scenario()).age >= 0
