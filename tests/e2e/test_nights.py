"""What the messages of `scripts/nights` answer: in both languages, by both channels, and without a riddle."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.parts import nights


def test_a_night_is_written_with_its_answers(tmp_path: Path) -> None:
    nights.write(tmp_path, {7: nights.STORIES[6]})
    key = (tmp_path / "key/night-07.md").read_text(encoding="utf-8")
    since = re.findall(r"\d\d:\d\d:\d\d", key)
    for locale in nights.LANGUAGES:
        told = (tmp_path / f"night-07.{locale}.txt").read_text(encoding="utf-8")
        assert "Telegram, chat of ops" in told and "Mail to ops@example.org" in told
        assert "PostgreSQL" in told and since[0] in told


@cache
def night(number: int, locale: str = "en") -> tuple[str, ...]:
    """The Telegram messages of a night."""
    told = nights.play(nights.STORIES[number - 1], locale)
    return tuple(one.text for one in told.messages if "Telegram" in one.head)


def test_components_have_the_names_of_the_titles_wherever_they_are_named() -> None:
    down, back, worker, _ = night(7)
    assert all(1 <= len(night(number)) <= 4 for number in (1, 2, 3, 5, 6, 7, 8))
    assert "Affected by it: Main Agent, Chat Assistant, Worker" in down
    assert "Not well yet: Worker" in back
    assert "No message until now, because this was in fault: PostgreSQL" in worker
    digest = night(3)[1]
    assert "\nQueue: Then: heartbeat recover --component queue --force" in digest and "\nQueue: journal" in digest
    assert "Nobody checks these now, so how they are is not known: Backup of hk-3" in night(8)[1]
    assert "\nAlso in fault now: agents-1 (since 03:01:00: disk / 98 % full)\n" in digest


def test_evidence_of_ours_is_in_the_readers_language() -> None:
    down, *_, full = night(1, "zh-HK")
    assert "\nHTTP 503：http://localhost:8000/health（0.001 秒連接，0.180 秒收到首個 byte）\n" in down
    assert "\n1 分鐘前：100 個連接已用 98 個\n71 個連接：role app，application chat-api，" in full
    assert "，idle in transaction，最長的已有 47 分鐘\n24 個連接：" in full
    disk, *_ = night(3, "zh-HK")
    assert (
        "（上限 95%）" in disk and "\n3.4 GB /var/ 的其餘部分\n" in disk and "\n/ 已用 76.3 GB，已檢查 74.9 GB" in disk
    )


def test_the_main_cause_stands_in_the_first_lines_and_in_the_advice() -> None:
    full = night(1)[3]
    most = "Most are held by chat-api (172.18.0.7): 71 of 98 connections, idle in transaction"
    whose = "Whose fault: chat-api (172.18.0.7), not PostgreSQL itself; it leaves its sessions open"
    assert f"\n{most}\n{whose}\n" in full
    where = "split_part(application_name, ' - ', 1) = 'chat-api' and state = 'idle in transaction'"
    statement = f"select pg_terminate_backend(pid) from pg_stat_activity where {where};"
    end = f"End all sessions of chat-api that are idle in transaction: {statement}"
    assert f"\n4. {end}\n5. If you cannot get in, stop chat-api.\n" in full
    assert re.search(r"keeps slots for it: sudo -u postgres psql -p \d+\n", full)
    failed = night(5)[0]
    assert "\nRecovery failed with: ModuleNotFoundError: no module named tools\n" in failed
    assert "\n1. Install the missing module tools; the failed steps above say" in failed and "below" not in failed


def test_a_container_that_was_killed_says_that_nobody_knows_by_whom_unless_somebody_stopped_it() -> None:
    unknown = "Whose fault: not known yet; it was killed. Docker does not record by whom"
    assert f"\n{unknown}" in night(9)[2] and unknown not in night(4)[0]
    assert "\nWhose fault: not a fault of Gateway itself; a person or a tool stopped it. Who, Docker" in night(4)[0]
    assert re.match(r"🔴 \S+ Gateway is down \(stopped at [\d:]{8}, seen since [\d:]{8}\)\n", night(4)[0])


def test_a_daemon_that_does_not_answer_is_what_is_in_fault() -> None:
    own = "Whose fault: the Docker daemon, not the containers; whether these work is not known meanwhile."
    assert f"\n{own} Nothing is restarted.\n" in night(9)[0]


def test_moments_of_a_container_are_local() -> None:
    for locale in nights.LANGUAGES:
        down, *_ = night(4, locale)
        assert re.search(r"StartedAt 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d, FinishedAt|StartedAt [\d-]{10} [\d:]{8}，", down)
        assert "Z" not in down.partition("StartedAt")[2]


def test_no_command_is_advised_that_there_is_no_reason_to_believe_in() -> None:
    """Nobody said that a unit is behind a provider's API, or on this host behind another one's agent."""
    assert "[components.openai]" in night(6)[1] and "refused" in night(6)[1]
    assert "openclaw-openai" not in "".join(night(6)) and "openclaw-shop" not in "".join(night(8))


def test_a_certificate_has_the_date_of_its_end_in_local_time() -> None:
    down, *_ = night(6)
    assert down.startswith("🔴 [agents-1] Shop Assistant: a TLS certificate has expired (since 03:01:00)")
    assert "\nTLS certificate of shop.example.com expired on 2026-11-19 03:00:45;" in down
    assert "shop.example.com 的 TLS 證書已於 2026-11-19 03:00:45 過期" in night(6, "zh-HK")[0]


def test_what_only_a_person_could_mend_has_not_come_back_by_itself() -> None:
    assert "Healed by: not heartbeat; probably a person (after the message of 03:02:00) or a job\n" in night(6)[2]
    assert "It came back by itself." in night(2)[1]


def test_why_it_is_left_alone_stands_once_and_in_local_time() -> None:
    down, held, back = night(4)
    assert re.search(
        r"\nHeld: a person or a tool stopped \S+ at 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d \(as `docker stop` does\), ended by"
        r" SIGKILL \(exit 137\); to start it: docker start \S+\n",
        held,
    )
    assert held.count("a person or a tool stopped heartbeat") == 1 and "Why this message" not in held
    assert "probably a person" in back
    assert "a person or a tool stopped" in down and "\nNow: " not in down and "docker restart" not in down


def test_a_budget_and_a_queue_are_not_down() -> None:
    tokens, acked, jobs, escalated, reminder = night(10)
    assert acked.startswith("🔵 [agents-1] kim has acknowledged: Token budget is used up")
    assert tokens.startswith("🔴 [agents-1] Token budget is used up")
    assert "raise `limit` in [components.tokens]" in tokens
    assert jobs.startswith("🔴 [agents-1] Job queue makes no progress")
    assert escalated.startswith("🔴 [agents-1] Job queue is in fault, and nobody has acknowledged it")
    assert reminder.startswith("🔴 [agents-1] Job queue is still in fault")


def test_what_every_host_sees_is_said_of_every_host() -> None:
    down, _, up = night(8)
    hk_1 = "hk-1: no connection to shop.example.org:8000 within 5.0 s"
    views = f"hk-2: HTTP 502: upstream timed out · {hk_1} · hk-3: healthy"
    assert down.splitlines()[2] == views
    assert "\nChecked by hk-1 at 03:02:30, hk-2 at 03:03:00, hk-3 at 03:02:30\n" in down and "Seen from" not in down
    assert f"\nIt was: {views}\n" in up
    assert "between hk-1 and the agent's address" in down


def test_a_fault_that_several_hosts_see_names_none_of_them_as_its_place() -> None:
    down, silent, up = night(8)
    assert down.startswith("🔴 Shop Assistant is down (since 03:02:00)\n")
    assert "\n2 of 3 hosts see it fail: hk-1, hk-2\n" in down
    assert "\nShop Assistant (shop) · severity: high · sent by hk-2 · " in down
    assert silent.startswith("🔴 hk-3 has stopped watching (since 03:02:30)\n")
    assert "\nhk-3 · severity: high · sent by hk-1 · " in silent
    assert up.startswith("🟢 Shop Assistant has recovered after 8 min\n") and "sent by hk-1" in up
    zh = night(8, "zh-HK")
    assert zh[0].startswith("🔴 Shop Assistant") and zh[1].startswith("🔴 hk-3")


def test_what_held_a_step_back_is_told_in_the_past() -> None:
    *_, worker, back = night(7)
    assert "No message until now, because this was in fault: PostgreSQL (until 03:03:30)" in worker
    assert "PostgreSQL, which it depends on, is in fault" not in worker + back
    waited = "it waited before: PostgreSQL, which it depends on, was in fault"
    assert f"\n1. script: done - restart_agent.sh ended with exit code 0 ({waited})\n" in back and "\n2. " not in back
    assert "Why this message: still failing 3 checks after PostgreSQL recovered" in worker
    did_not = "Worker itself, which did not recover with PostgreSQL"
    own = f"Whose fault: {did_not}; PostgreSQL accepts connections again since 03:03:30"
    assert worker.startswith("🔴 [agents-1] Worker did not recover with PostgreSQL (since 03:01:00)\n")
    assert f"\n{own}\n" in worker


def test_a_budget_says_when_it_begins_anew_and_what_waits_for_it_names_it() -> None:
    tokens, _, jobs, escalated, reminder = night(10)
    assert "\nThe budget starts anew at 2026-11-20 00:00, in 20 h 58 min\n" in tokens
    spent = "2,004,110 of 2,000,000 tokens per day spent (100 %)"
    for one in (jobs, escalated, reminder):
        why = "Token budget began 9 min after Job queue, so it probably is not the cause"
        later = f"since 03:01:00: {spent}; {why}; acknowledged by kim"
        assert f"\nAlso in fault now: Token budget ({later})\n" in one


def test_work_that_stood_still_before_a_budget_was_spent_does_not_wait_for_that() -> None:
    assert all("may be the cause" not in one for one in night(10))


def test_a_queue_has_one_beginning_the_last_job_that_was_done() -> None:
    _, _, jobs, escalated, reminder = night(10)
    assert jobs.startswith("🔴 [agents-1] Job queue makes no progress (nothing done since 02:52:30)\n")
    assert "acknowledged it (nothing done since 02:52:30, for 27 min)\n" in escalated
    assert "still in fault (nothing done since 02:52:30, for 1 h 27 min)\n" in reminder


def test_an_end_says_what_is_still_open() -> None:
    assert "\nStill in fault: OpenAI API (since 03:02:30).\n" in night(6)[2]
    assert "\nNothing else is in fault.\n" in night(1)[1]
    silent = "Still in fault: host hk-3 (since 03:02:30) has stopped watching. Apart from that, nothing is in fault."
    assert f"\n{silent}\n" in night(8)[2] and "Nothing to do now" not in night(8)[2] + night(6)[2]
    assert "\nApart from that, no fault is known.\n" in night(9)[1] and "Nothing to do now" not in night(9)[1]


def test_an_end_with_nothing_left_in_fault_says_that_there_is_nothing_to_do_and_what_to_read_by_day() -> None:
    assert "\nNothing to do now. By day: find in the log of Main Agent why it failed.\n" in night(1)[1]
    assert "\nNothing to do now. By day: find out why the module tools was missing.\n" in night(5)[-1]
    both = "find in the log of PostgreSQL why it failed, and in that of Worker why it did not recover with it."
    assert f"\nNothing to do now. By day: {both}\n" in night(7)[-1]
    assert "\nBy day: find in the log of PostgreSQL why it failed.\n" in night(7)[1]
    assert " By day: find out why the certificate was not renewed; the log of the renewal tells.\n" in night(6)[2]
    assert "\nNothing to do now. By day: ask who stopped it, and why.\n" in night(4)[-1]


def test_the_end_of_a_parent_says_who_is_well_again_and_who_is_not_yet() -> None:
    assert "\nRecovered: Main Agent, Worker\nNot well yet: Chat Assistant. Nothing to do now: if it" in night(2)[1]
    assert "begins its recovery; no message: it is well.\nApart from that, nothing is in fault.\n" in night(2)[1]
    assert "\nAll that was affected is well: Chat Assistant\nNothing else is in fault.\n" in night(4)[-1]


def test_a_time_in_which_nobody_saw_it_is_part_of_since_when() -> None:
    worker = night(9)[2]
    assert "\nNot seen between 03:01:00 and 03:05:00; by Docker's record it stopped at 03:02:41\n" in worker
    assert all("Not seen between" not in one for number in (1, 2, 5, 7, 8, 10) for one in night(number))


def test_an_acknowledgement_is_known_to_the_others_once() -> None:
    told = nights.play(nights.STORIES[4], "en")
    found = [one for one in told.messages if "kim has acknowledged: Main Agent is down" in one.text]
    assert sorted(one.head.partition("  ")[2] for one in found) == [
        "Mail to ops@example.org, boss@example.org",
        "Telegram, chat of ops, boss",
    ]
    assert "No reminders and no escalation follow; its end is reported." in found[0].text


def test_a_fault_that_returns_says_that_the_repair_did_not_hold_and_what_to_do() -> None:
    again = night(1)[2]
    back = "It had recovered at 03:03:30 by heartbeat's script restart_main.sh, and failed again 1 min later"
    assert f"\n{back}: the repair did not hold\n" in again
    assert "\nWhat to do\n1. heartbeat restarts it once more. Read today what its log says right before" in again
    assert "\n2. Check that the agent's process is running.\n" in again


def test_what_becomes_of_a_child_that_stays_down_is_said() -> None:
    _, back, worker, _ = night(7)
    own = "Nothing to do now: if it still fails at about 03:05, heartbeat sends a message and begins its recovery;"
    assert f"\nNot well yet: Worker. {own} no message: it is well.\n" in back
    assert " 2026-11-19 03:04:30 Asia/Hong_Kong\n" in worker


def test_another_fault_that_only_waits_to_be_steady_is_not_settled_and_not_in_fault() -> None:
    why = "since 03:04:30: HTTP 503: worker thread died; healthy now, watched until it is steady"
    assert f"\nNot settled: Main Agent ({why})\n" in night(1)[3] and "Also in fault" not in night(1)[3]


def test_the_next_step_says_when_it_is_taken() -> None:
    assert "\nBeing done now: step 1 of 1: script restart_main.sh\n" in night(1)[0]


def test_the_address_that_was_asked_stands_in_the_message() -> None:
    assert "\nAsked: https://api.example.com/v1\n" in night(2)[0]
    assert "\nAsked: https://api.example.com/v1/models\n" in night(6)[1]
    assert "\nAsked: http://shop.example.org:8000/health\n" in night(8)[0]
    assert "Asked: " not in night(6)[0]  # what was seen names it


def test_what_cannot_be_acknowledged_says_so_and_names_the_command_that_works() -> None:
    silent, unseen = night(8)[1], night(9)[0]
    assert "\nNo reminders follow, so there is nothing to acknowledge.\n" in silent
    assert "\nNo messages for an hour: heartbeat silence hk-3 --for 60\n" in silent
    assert "\nNo reminders follow, so there is nothing to acknowledge.\n" in unseen
    assert "\nNo messages for an hour: heartbeat silence worker --for 60\n" in unseen


def test_a_host_is_short_of_what_is_over_its_limit_and_what_fails_on_it_has_that_as_its_first_advice() -> None:
    full, digest = night(3)
    assert full.startswith("🔴 agents-1 is short of disk space (since 03:01:00)\n")
    first = "First: agents-1, disk / 98 % full: free space in /var/log/nginx/ (61.0 GB)"
    then = "Queue: Then: heartbeat recover --component queue --force · Look at the unit: systemctl status queue.service"
    assert f"\nWhat to do\n{first}\n{then}\nIndexer: Then: heartbeat recover --component indexer --force" in digest
    assert digest.count("First: ") == 1 and "Read what the failed steps" not in digest
    assert "\nLargest: /var/log/nginx/, 61.0 GB of 76.3 GB used on /\n" in full and "CPU" not in full
    assert "\nWhat to do\n1. Free space in /var/log/nginx/ (61.0 GB).\n" in full
    assert night(3, "zh-HK")[0].startswith("🔴 agents-1 磁碟空間不足")


def test_what_it_means_is_said_by_the_kind_of_failure() -> None:
    shop, openai, _ = night(6)
    assert "\nWhose fault: the server that presents the certificate; it was not renewed in time." in shop
    assert "\nWhose fault: the API key in [components.openai] of heartbeat's configuration, not the provider;" in openai
    assert "\nWhose fault: its provider (api.example.com), nothing here;" in night(2)[0]


def test_a_step_that_is_left_out_is_named() -> None:
    step = "postgres reload (it reads the configuration anew, and ends no session)"
    why = "a restart would free the sessions for a moment only, as chat-api fills them again"
    left_out = f"recovery step 2, script restart_db.sh, is left out: {why}"
    assert f"\nBeing done now: step 1 of 2: {step}; {left_out}\n" in night(1)[3]
    assert "\nWhat to do\n1. Act now, do not wait for the step above: it frees nothing.\n2. Get in" in night(1)[3]


def test_a_container_that_was_not_seen_has_the_evidence_of_the_engine() -> None:
    unseen, _, worker = night(9)
    assert worker.startswith("🔴 [agents-1] Worker is down (stopped at 03:02:41, seen since 03:05:00)\n")
    assert "FinishedAt 2026-11-19 03:02:41" in worker and "\njob 4711: 3 of 9 pages\n" in worker
    assert "docker ps" not in unseen and "\n1. Check the Docker daemon: systemctl status docker," in unseen


def test_the_command_of_a_restart_stands_once_and_not_while_heartbeat_restarts() -> None:
    shop = night(8)[0]
    assert "\nRecovery\nRecovery is off for this component: nothing is restarted unless you order it\n" in shop
    assert "\n3. Restart the agent: heartbeat recover --component shop --force\n" in shop
    assert shop.count("--force") == 1 and "Restart" not in night(7)[0] + night(1)[0]
    whose = "Shop Assistant itself, or the proxy before it; hk-2 gets an HTTP answer, so the address can be reached"
    assert f"\nWhose fault: {whose}\n" in shop


def test_where_recovery_is_off_the_command_that_takes_its_step_is_a_step_of_the_advice() -> None:
    _, _, *jobs = night(10)
    for one in jobs:
        assert "\n2. Restart the workers: heartbeat recover --component jobs --force\n" in one
    assert "\n4. Restart it: heartbeat recover --component worker --force\n" in night(9)[2]


def test_a_container_that_was_not_killed_for_want_of_memory_has_no_advice_about_memory() -> None:
    worker = night(9)[2]
    span = "--since '2026-11-19 03:01:41 Asia/Hong_Kong' --until '2026-11-19 03:03:41 Asia/Hong_Kong'"
    assert f"\n3. See what the host did at that moment: journalctl {span}\n" in worker
    assert "Check memory" not in worker


def test_the_end_of_what_docker_did_not_answer_begins_with_docker() -> None:
    names = "Gateway, OpenClaw PostgreSQL, Worker"
    again = (
        f"🔵 [agents-1] Docker answers again: {names} can be checked again (their state is not known yet) after 4 min"
    )
    assert night(9)[1].startswith(again)


def test_commands_name_the_components_that_are_known() -> None:
    full, digest = night(3)
    recover = "heartbeat recover --component queue --component indexer --force"
    assert f"\n3. What has failed for want of space, once there is some: {recover}\n" in full
    assert "\nAll 3 components are in fault now, agents-1 too\n" in digest


def test_an_escalation_says_who_was_notified_and_when() -> None:
    assert "\nNotified before: ops-chat at 03:03:30, ops-mail at 03:03:30\n" in night(10)[3]


def test_advice_fits_a_container_that_somebody_stopped() -> None:
    assert "\nWhat to do\n1. Ask who stopped it, and why.\n2. If it should run: heartbeat" in night(4)[1]


def test_a_subject_has_one_space_before_it() -> None:
    told = nights.play(nights.STORIES[5], "en")
    assert any("Resolved: Shop Assistant (was: a TLS certificate has expired)" in one.text for one in told.messages)
    assert not any("Subject:  " in one.text for one in told.messages)


def test_the_foot_has_the_name_and_the_id_where_these_differ() -> None:
    assert "\nWorker (coding) · severity: high · " in night(7)[2] and "\nworker · severity: high · " in night(9)[2]


def test_chinese_has_no_space_beside_a_full_width_sign_and_the_words_of_the_trade() -> None:
    said = "\n".join(one for number in range(1, 11) for one in night(number, "zh-HK"))
    assert re.findall(r"）[ ][\u4e00-\u9fff]", said) == []
    assert not any(word in said for word in ("程序", "資料夾", "無需", "角色", "應用程式", "暫緩", "`"))
    assert "大部分連接由 chat-api（172.18.0.7）佔用" in said and "執行失敗（exit code 1）" in said
    assert "kim 已確認收到故障：Main Agent 已停止正常運作" in said


BROKEN = ("🔴", "🟡")


@pytest.mark.parametrize("locale", nights.LANGUAGES)
def test_every_message_of_a_fault_says_whose_it_is_and_what_to_do_first(locale: str) -> None:
    whose, steps, done = {
        "en": ("Whose fault: ", "What to do\n", "othing to do"),
        "zh-HK": ("問題所在：", "建議處理方法\n", "毋須"),
    }[locale]
    said = [one for number in range(1, 11) for one in night(number, locale)]
    faults = [one for one in said if one.startswith(BROKEN)]
    assert faults and [one for one in faults if whose not in one or steps not in one] == []
    assert [one for one in said if one not in faults and done not in one and "Nothing is left to do" not in one] == []


def test_a_step_that_heartbeat_takes_is_to_be_waited_for() -> None:
    wait = "1. Nothing yet: heartbeat takes the step above, and its next message says whether that has helped."
    for one in (night(1)[0], night(7)[0], night(7)[2]):
        assert f"\nWhat to do\n{wait} The rest is for when it has not.\n2. Check that" in one
    assert "Nothing yet" not in night(1)[3], "the step does not free what is used up"
    assert "\nWhat to do\n1. Wait: heartbeat reports when it is over" in night(2)[0]


def test_the_message_of_a_silent_host_says_whether_that_has_to_do_with_other_faults() -> None:
    apart = "The fault of Shop Assistant does not come from this silence: it is seen by hk-1, hk-2"
    assert f"\n{apart}\n" in night(8)[1]


def test_a_severity_does_not_stand_bare_and_no_line_is_a_chain_of_colons() -> None:
    said = [one for number in range(1, 11) for one in night(number, "zh-HK")]
    assert not any(re.search(r"· [高中低] ·", one) for one in said) and any("嚴重程度：高" in one for one in said)
    lines = [line for one in said for line in one.splitlines() if line.count("：") > 2]
    assert lines == []
    assert not any("自動修復已關閉" in one for one in said)
    assert "\n仍有故障：主機 hk-3（03:02:30 起）" in night(8, "zh-HK")[2]
