"""Chat templates: what models bring, what strangers try, and what there is without one."""

# Each template stands in one line, as it does in a model file.
# ruff: noqa: E501

from __future__ import annotations

import pytest

from hob.engine.prompts.limits import MAX_VALUE
from hob.engine.prompts.template import ChatTemplate, make_renderer
from hob.errors import TemplateFailed
from hob.wire.generate import ChatMessage, GenerateRequest

SYSTEM = ChatMessage(role="system", content="Be brief.")
HELLO = ChatMessage(role="user", content="Hello <b>")
ANSWER = ChatMessage(role="assistant", content="Hi")
BYE = ChatMessage(role="user", content="Bye")
REQUEST = GenerateRequest(id="a", messages=(HELLO,))


def render(source: str, *messages: ChatMessage) -> str:
    template = ChatTemplate(source, bos_token="<s>", eos_token="</s>")
    return template.render(messages or (HELLO,))


EXPECTED = {
    "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}": "<s>Hello <b></s>",
    "{% for m in messages %}\n  {% if true %}\n{{ m['role'] }}\n  {% endif %}\n{% endfor %}": "user\n",
    "{{ messages[0] | tojson }}": '{"role": "user", "content": "Hello <b>"}',
    "{{ 'é' | tojson }}": '"é"',
    "{{ {'b': 1, 'a': [1]} | tojson(indent=2) }}": '{\n  "b": 1,\n  "a": [\n    1\n  ]\n}',
    "{% for m in [1, 2, 3] %}{% if m == 2 %}{% continue %}{% endif %}{{ m }}{% endfor %}": "13",
    "{% generation %}{{ messages[0].role }}{% endgeneration %}": "user",
    "{{ tools is none }}{{ documents is none }}{{ add_generation_prompt }}": "TrueTrueTrue",
    "{{ nothing is defined }}{{ nothing }}": "False",
    "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}": "1",
    "{{ messages | map(attribute='role') | join(', ') }}": "user",
    "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}": "1",
    "{{ (messages[0].content.split(' ')[-1]).replace('<', '(').strip() }}": "(b>",
    "{{ 'a' ~ 1 ~ none }}": "a1None",
    "{{ messages[::-1][0]['content'][:5] | upper }}": "HELLO",
    "{% macro row(m) %}[{{ m.role }}]{% endmacro %}{{ row(messages[0]) }}": "[user]",
    "{{ '%s-%02d' % ('a', 7) }}{{ '{}-{}'.format(1, 2) }}": "a-071-2",
    "{{ messages[0].get('tool_calls') is none }}{{ 'x' in 'xyz' }}": "TrueTrue",
    "{% for k, v in messages[0].items() %}{{ k }};{% endfor %}": "role;content;",
    "{% set x %}{{ messages[0].role }}!{% endset %}{{ x | trim | indent(4) }}": "user!",
}


@pytest.mark.parametrize(("source", "text"), EXPECTED.items())
def test_templates_find_what_their_authors_expect(source: str, text: str) -> None:
    assert render(source) == text


def test_a_date_can_be_written() -> None:
    assert len(render("{{ strftime_now('%Y-%m-%d') }}")) == 10


HOSTILE = {
    "a text of 100 MB": "{{ 'A' * 10**8 }}",
    "nested loops": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "a range without end": "{% for i in range(10**12) %}{% endfor %}",
    "doubling with ~": "{% set n = namespace(a='A') %}{% for i in range(60) %}{% set n.a = n.a ~ n.a %}{% endfor %}{{ n.a }}",
    "doubling with +": "{% set n = namespace(a='A') %}{% for i in range(60) %}{% set n.a = n.a + n.a %}{% endfor %}{{ n.a }}",
    "doubling a list": "{% set n = namespace(a=['A']) %}{% for i in range(60) %}{% set n.a = [n.a, n.a] %}{% endfor %}{{ n.a }}",
    "doubling a dict": "{% set n = namespace(a=1) %}{% for i in range(60) %}{% set n.a = {'x': n.a, 'y': n.a} %}{% endfor %}{{ n.a }}",
    "doubling dict()": "{% set n = namespace(a=1) %}{% for i in range(60) %}{% set n.a = dict(x=n.a, y=n.a) %}{% endfor %}{{ n.a }}",
    "doubling namespaces": "{% set n = namespace(a=1) %}{% for i in range(60) %}{% set n.a = namespace(x=n.a, y=n.a) %}{% endfor %}{{ n.a }}",
    "doubling a block": "{% set n = namespace(a='A') %}{% for i in range(60) %}{% set n.a %}{{ n.a }}{{ n.a }}{% endset %}{% endfor %}{{ n.a }}",
    "a macro that calls itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "a macro that calls itself twice": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "much output in small pieces": "{% set x = 'a' * 999 %}{% for i in range(99999) %}{{ x }}{% endfor %}",
    "a wide centre": "{{ 'a'.center(10**9) }}",
    "a wide ljust": "{{ 'a'.ljust(10**9) }}",
    "a wide centre filter": "{{ 'a' | center(10**9) }}",
    "a wide percent format": "{{ '%1000000000d' % 1 }}",
    "a width from the values": "{{ '%*d' % (1000000000, 1) }}",
    "a wide format": "{{ '{:>1000000000}'.format(1) }}",
    "a wide nested format": "{{ '{:>{w}}'.format(1, w=1000000000) }}",
    "a wide format_map": "{{ '{a:>1000000000}'.format_map({'a': 1}) }}",
    "a wide date": "{{ strftime_now('%999999999Y') }}",
    "a power tower": "{{ 9 ** (9 ** 9) }}",
    "a large factorial": "{% set n = namespace(a=2) %}{% for i in range(99) %}{% set n.a = n.a * n.a %}{% endfor %}",
    "a large list": "{{ (range(99999) | list) * 10000 }}",
    "a large replacement": "{{ ('a' * 90000).replace('a', 'b' * 90000) }}",
    "a large replacement filter": "{{ ('a' * 90000) | replace('a', 'b' * 90000) }}",
    "a large join": "{{ ('a' * 90000).join(['b'] * 90000) }}",
    "a large join filter": "{{ range(99999) | join('a' * 90000) }}",
    "a deep indent": "{{ ('\\n' * 90000) | indent(90000) }}",
    "a deep tojson": "{{ messages | tojson(indent=10**9) }}",
    "lorem ipsum": "{{ lipsum(n=10**6) }}",
    "classes": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "globals": "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "self": "{{ self.__init__.__globals__['os'] }}",
    "a function's globals": "{{ raise_exception.__globals__['os'] }}",
    "attributes through a filter": "{{ messages | map(attribute='__class__') | list | first }}{{ 1 / 0 }}",
    "the attr filter": "{{ '' | attr('__class__') }}",
    "a change of the messages": "{{ messages.append(1) }}",
    "a file": "{% include '/etc/passwd' %}",
    "an import": "{% import 'os' as os %}",
    "an unfinished block": "{% if true %}",
    "an unknown tag": "{% system 'id' %}",
    "deep parentheses": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "a very long expression": "{{ " + "+".join(["1"] * 30000) + " }}",
    "a very long source": "{# " + "x" * 600_000 + " #}",
    "division by zero": "{{ 1 / 0 }}",
    "a missing attribute": "{{ messages[0].content.missing.more }}",
    "a missing message": "{{ messages[99].content }}",
    "calling text": "{{ 'a'() }}",
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_template_fails_its_request_and_nothing_else(source: str) -> None:
    with pytest.raises(TemplateFailed) as caught:
        render(source)
    assert caught.value.hint
    assert len(caught.value.message) < 600


def test_a_long_conversation_is_no_attack() -> None:
    long = ChatMessage(role="user", content="word " * MAX_VALUE)
    assert (
        len(render("{% for m in messages %}{{ m.content | trim }}{% endfor %}", long)) > MAX_VALUE
    )


def test_a_failed_template_can_render_the_next_conversation() -> None:
    template = ChatTemplate(
        "{% if messages[0].content == 'x' %}{{ 'A' * 10**9 }}{% endif %}ok",
        bos_token="",
        eos_token="",
    )
    with pytest.raises(TemplateFailed):
        template.render([ChatMessage(role="user", content="x")])
    assert template.render([HELLO]) == "ok"


REFUSES_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "[{{ m.role }}:{{ m.content }}]{% endfor %}"
)


def test_a_refused_system_message_goes_into_the_first_user_message() -> None:
    text = render(REFUSES_SYSTEM, SYSTEM, HELLO, ANSWER, BYE)
    assert text == "[user:Be brief.\n\nHello <b>][assistant:Hi][user:Bye]"


def test_a_silently_dropped_system_message_goes_into_the_first_user_message() -> None:
    source = "{% for m in messages if m.role != 'system' %}[{{ m.content }}]{% endfor %}"
    assert render(source, SYSTEM, HELLO) == "[Be brief.\n\nHello <b>]"


def test_what_a_template_says_when_it_refuses_is_passed_on() -> None:
    with pytest.raises(TemplateFailed, match="roles must alternate"):
        render("{{ raise_exception('roles must alternate.') }}", HELLO)


def test_a_model_without_a_template_says_so_when_it_is_asked_to_chat() -> None:
    with pytest.raises(TemplateFailed, match="no chat template"):
        make_renderer("", bos_token="", eos_token="")([HELLO], REQUEST)


def test_a_broken_template_is_reported_when_it_is_used() -> None:
    renderer = make_renderer("{% if %}", bos_token="", eos_token="")
    with pytest.raises(TemplateFailed, match="broken"):
        renderer([HELLO], REQUEST)


def test_a_template_that_wants_content_in_parts_gets_it_so() -> None:
    parts = (
        "{% for m in messages %}{{ m.role }}:{% for p in m['content'] %}"
        "{% if p['type'] == 'text' %}{{ p['text'] }}{% endif %}{% endfor %}{% endfor %}"
    )
    template = ChatTemplate(parts, bos_token="", eos_token="")
    messages = [
        ChatMessage(role="system", content="Be brief."),
        ChatMessage(role="user", content="Hi {x}"),
    ]
    assert template.render(messages) == "system:Be brief.user:Hi {x}"
