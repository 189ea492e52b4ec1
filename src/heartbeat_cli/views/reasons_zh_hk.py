"""Decisions and what recovery did, in Traditional Chinese (Hong Kong): English pattern → how it is said. See
`reasons.py`; what looks find stands in `causes_zh_hk.py`.

Where two patterns fit, the first one is taken: the more exact ones stand above.
"""

REASONS = {
    # detection
    "{n1} failing looks in a row (threshold {n2})": "連續 {n1} 次檢查失敗（界限 {n2} 次）",
    "{n1} failing looks among {n3} (threshold {n2})": "最近 {n3} 次檢查中有 {n1} 次失敗（界限 {n2} 次）",
    "{n1} good looks in a row (threshold {n2})": "連續 {n1} 次檢查正常（界限 {n2} 次）",
    "reminder {n}: still in fault after {t}, not acknowledged": "第 {n} 次提醒：{t}後仍然故障，無人確認",
    "escalated: still in fault {t} after it was told, not acknowledged": "升級通知：通知後 {t}仍然故障，無人確認",
    "it asked to be left alone": "對方要求稍後再試",
    "{why}; handed over to {w}": "{why}；已改由 {w} 發送",
    "{n1} checks in a row could not be made (threshold {n2})": "連續 {n1} 次未能進行檢查（門檻 {n2} 次）",
    "a check could be made again": "已可再次進行檢查",
    "{n1} good looks in a row": "連續 {n1} 次檢查正常",
    "{n1} degraded looks in a row": "連續 {n1} 次檢查欠佳",
    "still failing {n1} looks after {id} was well again": "{id} 恢復後再檢查 {n1} 次仍然失敗",
    "held: {id}, which it depends on, is in fault": "暫緩：它所依賴的 {id} 發生故障",
    "the silence that kept it back is over": "靜音期已過",
    "muted: silence {w} ({reason})": "已靜音：靜音 {w}（{reason}）",
    "muted: maintenance {w} ({reason})": "已靜音：維護 {w}（{reason}）",
    "asked for": "應要求發出",
    "remote components answer again after {t}": "遠端組件在 {t}後重新有回應",
    "this host is cut off: {places} did not answer either": "本機與網絡隔絕：{places} 亦無回應",
    "what is seen meanwhile is kept on this host": "期間所見先存於本機",
    "the store answers again after {t}": "儲存庫在 {t}後重新有回應",
    "what was seen meanwhile is in it": "期間所見已補入",
    "the store was begun anew: what it held before is gone": "儲存庫重新建立：之前的內容已不存在",
    "the store has gone back in time: it knows no pass of this host": "儲存庫回到較早的狀態：沒有本機的任何執行記錄",
    "the store has gone back in time: the last {t} are missing": "儲存庫回到較早的狀態：缺少最後 {t}的記錄",
    "open faults and what was told are known from this host's copy": "未解決的故障和已發的通知，由本機副本補回",
    "fails, not confirmed: {votes}": "檢查失敗，未能確認：{votes}",
    "{n1} of {n2} hosts see it fail (quorum {n3})": "{n2} 部主機中有 {n1} 部見它失敗（需 {n3} 部）",
    "{n1} of {n2} hosts sees it fail (quorum {n3})": "{n2} 部主機中有 {n1} 部見它失敗（需 {n3} 部）",
    "{n1} of {n2} hosts see it well": "{n2} 部主機中有 {n1} 部見它正常",
    "no pass for {t}, expected every {t2}": "{t}沒有執行，應每 {t2}一次",
    "process {n} ({command}) has held the lock {path} for {t}; a pass takes {t2} at most": (
        "程序 {n}（{command}）佔用鎖 {path} 已達 {t}；每次執行最長應為 {t2}"
    ),
    "some process has held the lock {path} for {t}; a pass takes {t2} at most": (
        "某個程序佔用鎖 {path} 已達 {t}；每次執行最長應為 {t2}"
    ),
    "passes are made again": "已恢復執行",
    "its clock is {t} after the last pass": "系統時間比上次執行遲 {t}",
    "its clock is {t} before the last pass": "系統時間比上次執行早 {t}",
    "its clock is {t} behind the store's": "系統時間比儲存庫慢 {t}",
    "its clock is {t} ahead of the store's": "系統時間比儲存庫快 {t}",
    "until it is right nothing is pruned or closed": "時間恢復正確前，不會清理記錄或結束事故",
    "an hour of passes agrees with it: it is taken for right": "一小時內各次執行的時間一致，視為正確",
    "it agrees with the last pass and the store again": "系統時間已與上次執行及儲存庫一致",
    "it makes passes again": "它已恢復執行",
    # recovery
    "it is no longer in the configuration": "它已不在設定檔中",
    "no host looks at it any more": "再沒有主機檢查它",
    "no recovery steps are configured for it": "沒有為它設定修復步驟",
    "first step of {n}": "共 {n} 步的第一步",
    "step {n} was taken; it has {n2} s left to come up": "已採取第 {n} 步；尚餘 {n2} 秒等待啟動",
    "step {n} did not heal it ({outcome})": "第 {n} 步未能修復（{outcome}）",
    "from the first step again, as asked": "應要求由第一步重新開始",
    "all {n} steps were tried": "全部 {n} 步均已嘗試",
    "step {n} healed it before, and it fell again": "第 {n} 步曾修復它，但它再次故障",
    "step {n} healed it; the next look is waited for": "第 {n} 步已修復它；等待下一次檢查",
    "it was healed {n} times and fell again each time": "已修復 {n} 次，每次均再次故障",
    "waits for your word: heartbeat recover --component {w}": "等待你的指示：heartbeat recover --component {w}",
    "held: maintenance ({reason})": "暫緩：維護中（{reason}）",
    "held: the last look could not be made, so it may be well": "暫緩：上次未能檢查，它可能正常",
    "held: it failed at {n} checks and answered when it was checked again before the step; it is not restarted while it"
    " answers; by hand: {command}": (
        "暫緩：它有 {n} 次檢查失敗，但在採取步驟前再檢查時均有回應；有回應期間不會重新啟動；手動執行：{command}"
    ),
    "held: it answers again": "暫緩：它已重新有回應",
    "this process stood still before the step began, and left it": "本程序在步驟開始前停頓過久，已放棄該步驟",
    "held: it could not be looked at just now ({reason})": "暫緩：剛才未能檢查（{reason}）",
    "held: another heartbeat is taking a step just now": "暫緩：另一個 heartbeat 正在修復",
    "held: work is in flight ({work}); waits {t} more at most": "暫緩：有工作進行中（{work}）；最多再等 {t}",
    "held: work is still in flight after {t} ({work}); it is left alone": (
        "暫緩：{t}後仍有工作進行中（{work}）；不予干預"
    ),
    "held: it was started {t} ago; it has {n} s left to come up": "暫緩：它在 {t}前啟動；尚有 {n} 秒等待它啟動",
    "held: {reason}": "暫緩：{reason}",
    "nobody restarts it: its healer {w} has made no pass since {when}; by hand: {command}": (
        "無人負責重新啟動：負責的 {w} 自 {when} 起沒有執行；人手重啟：{command}"
    ),
    "nobody restarts it: its healer {w} has made no pass; by hand: {command}": (
        "無人負責重新啟動：負責的 {w} 從未執行；人手重啟：{command}"
    ),
    "{w} restarts it, not this host": "由 {w} 重新啟動，本機不作處理",
    "other hosts look at it, too, and while the store is away none knows which of them restarts it": (
        "其他主機亦監察它；儲存庫連不上時，無法得知由誰重新啟動"
    ),
    "this host's budget is spent: {steps}, the next one in {t}": "本機的修復額度已用完：{steps}，{t}後可再試",
    "its budget is spent: {steps}": "它的修復額度已用完：{steps}",
    "{n} steps within {t}": "{t}內 {n} 步",
    "1 step within {t}": "{t}內 1 步",
    "steps again after {t} of quiet": "平靜 {t}後再修復",
    "step {n} was taken once within {t}": "第 {n} 步在 {t}內執行過一次",
    "step {n} was taken {n2} times within {t}": "第 {n} 步在 {t}內執行過 {n2} 次",
    "waits {t} more": "再等 {t}",
    "{w}, which it depends on, is back; it has {n} s to follow": "它所依賴的 {w} 已恢復；尚有 {n} 秒等待它跟上",
    "this host has just started; it has {n} s left to come up": "本機剛啟動；尚有 {n} 秒等待它啟動",
    "step {n} was cut off before it began": "第 {n} 步未開始便中斷",
    "step {n} was cut off, and did not heal it": "第 {n} 步中斷，未能修復",
    "step {n} was cut off and may still be at work: {n2} s left": "第 {n} 步中斷，但可能仍在進行：尚餘 {n2} 秒",
    "step {n} was cut off": "第 {n} 步中斷",
    "a step was cut off": "有一步中斷",
    "nothing was tried yet": "尚未嘗試任何步驟",
    "from the first step again: nothing was done for {t}": "由第一步重新開始：已有 {t}沒有任何動作",
    "the first one again after {t} of quiet": "平靜 {t}後由第一步重試",
    "or now by: heartbeat recover --component {id} --force": "或立即執行：heartbeat recover --component {id} --force",
    "step {n} healed it": "第 {n} 步已修復",
    "the next look is waited for": "等待下一次檢查",
    "heartbeat is not permitted to do it: {why}": "heartbeat 沒有權限執行：{why}",
    "the only step was tried": "唯一的一步已嘗試",
    "the step did not come back in its time": "該步驟未有及時完成",
    "it is not in fault (its steps: {steps})": "它沒有故障（其步驟：{steps}）",
    "its run was cut off; the step took place all the same": "執行中斷；但該步驟已完成",
    "its run was cut off before the step took place": "執行在該步驟完成前中斷",
    "its run was cut off; nobody can tell whether the step took place": "執行中斷；無法得知該步驟是否已完成",
    "this pass has spent its time; the next one goes on": "本次執行的時間已用完；下次繼續",
    "no drain call is configured": "沒有設定排空呼叫",
    "recovery is off for it": "它的自動修復已關閉",
    "it answers again; waiting for it to stay well": "它已重新有回應；等待它保持正常",
    "it was well again; waiting for as many failing looks as make a fault": "它曾恢復正常；待失敗次數再達界限",
    "this pass has spent its time on others; the next one goes on": "本次執行的時間已用於其他組件；下次繼續",
    "next: {step}": "下一步：{step}",
    "step {n} of {n2}: {action}": "第 {n} 步（共 {n2} 步）：{action}",
    "failed": "失敗",
    "done": "完成",
    "denied": "沒有權限",
    "refused": "拒絕執行",
    "running": "中斷",
    "working": "已接受，仍在進行",
    "cut off": "中斷",
    "lost": "未開始便中斷",
    # what actions say
    "restarted {w}, still starting: {state}": "已重新啟動 {w}，仍在啟動：{state}",
    "restarted {w}, but it ended at once: {how}": "已重新啟動 {w}，但隨即結束：{how}",
    "started {w}, but it ended at once: {how}": "已啟動 {w}，但隨即結束：{how}",
    "restarted {w}: started at {w2}": "已重新啟動 {w}：{w2} 啟動",
    "restarted {w}: {state}": "已重新啟動 {w}：{state}",
    "started {w}: started at {w2}": "已啟動 {w}：{w2} 啟動",
    "{w} goes on (unpaused)": "{w} 已解除暫停",
    "{w} is {state} after unpause": "{w} 解除暫停後為 {state}",
    "{w} did not {step} in time; it is {state}": "{w} 未能及時 {step}；現為 {state}",
    "{w} was not started anew; it is {state} since {w2}": "{w} 沒有重新啟動；自 {w2} 起為 {state}",
    "{w} was not started anew within {t}; it is {state}": "{w} 在 {t}內沒有重新啟動；現為 {state}",
    "{w} was not started anew; it is {state}": "{w} 沒有重新啟動；現為 {state}",
    "{w} was started and failed: {result}": "{w} 啟動後失敗：{result}",
    "{w} is not restarted: {why}": "沒有重新啟動 {w}：{why}",
    "{w} could not be restarted: {why}": "{w} 未能重新啟動：{why}",
    "{w} could not be brought back: {why}": "{w} 未能恢復：{why}",
    "the right to restart {w} is missing: {remedy} ({why})": "沒有重新啟動 {w} 的權限：{remedy}（{why}）",
    "the right to restart {w} is missing: {why}": "沒有重新啟動 {w} 的權限：{why}",
    "the right to use Docker is missing: add this user to the group docker "
    "(usermod -aG docker USER, then log in anew) ({why})": (
        "沒有使用 Docker 的權限：請把此用戶加入 docker 群組（usermod -aG docker USER，然後重新登入）（{why}）"
    ),
    "the right to use Docker is missing: {remedy} ({why})": "沒有使用 Docker 的權限：{remedy}（{why}）",
    "let sudoers allow `systemctl restart {w}` with NOPASSWD, without a pattern": (
        "請在 sudoers 以 NOPASSWD 允許 `systemctl restart {w}`，不用萬用字元"
    ),
    "allow restart of {w} in a polkit rule, or set sudo = true and a line in sudoers": (
        "請以 polkit 規則允許重新啟動 {w}，或設定 sudo = true 並在 sudoers 加一行"
    ),
    "allow restart of {w} in a polkit rule, or set sudo = true and a line in sudoers ({why})": (
        "請以 polkit 規則允許重新啟動 {w}，或設定 sudo = true 並在 sudoers 加一行（{why}）"
    ),
    "let sudoers allow `systemctl restart {w}` with NOPASSWD, without a pattern ({why})": (
        "請在 sudoers 以 NOPASSWD 允許 `systemctl restart {w}`，不用萬用字元（{why}）"
    ),
    "{w} is left alone: {why}": "不干預 {w}：{why}",
    "systemd is still restarting {w} after {t}; it is {state}": "{t}後 systemd 仍在重新啟動 {w}；現為 {state}",
    "{w} is being removed": "{w} 正被移除",
    "{w} was stopped on purpose at {w2}, {how}": "{w} 於 {w2} 被人停止，{how}",
    "Docker is still at the {step} of {w}; it is {state}": "Docker 仍在對 {w} 執行 {step}；現為 {state}",
    "with it {names}, sharing its network": "連同共用其網絡的 {names}",
    "not restarted, though it shares its network: {why}": "共用其網絡但未能重新啟動：{why}",
    "{w}: no time left": "{w}：已沒有時間",
    "{w}: Docker is still at it": "{w}：Docker 仍在處理",
    'run as root, allow it in polkit (manage-units), or set systemctl = ["sudo", "-n", "systemctl"]': (
        '請以 root 執行、在 polkit 允許（manage-units），或設定 systemctl = ["sudo", "-n", "systemctl"]'
    ),
    "there is no such unit": "沒有此單元",
    "it is masked (somebody wants it off)": "它已被遮罩（有人要它停用）",
    "it is being stopped": "它正被停止",
    "it is still starting": "它仍在啟動",
    "no answer about it": "沒有關於它的回應",
    "systemctl did not answer in time": "systemctl 未有及時回應",
    "systemctl ended with exit {n} and said nothing": "systemctl 以退出碼 {n} 結束，沒有說明",
    "there is no container named {w}": "沒有名為 {w} 的容器",
    "{w} is {state}: it cannot be started again": "{w} 為 {state}：不能再啟動",
    "not allowed to use Docker: {why} (is the user in the group docker?)": (
        "沒有使用 Docker 的權限：{why}（用戶是否在 docker 群組？）"
    ),
    "{where} reloads its configuration": "{where} 已重新載入設定",
    "{where} could not signal its postmaster to reload": "{where} 未能通知 postmaster 重新載入",
    "no session this role may see is {which}: nothing to end": "此角色可見的連線沒有一個{which}：無需終止",
    "ended {n} of {n2} sessions {which}, {n3} left": "已終止 {n2} 個{which}的連線中的 {n} 個，尚餘 {n3} 個",
    "ended {n} of {n2} sessions {which}": "已終止 {n2} 個{which}的連線中的 {n} 個",
    "may not end the {n} sessions {which}: needs pg_signal_backend": (
        "沒有權限終止 {n} 個{which}的連線：需要 pg_signal_backend"
    ),
    "the {n} sessions {which} could not be signalled": "未能通知 {n} 個{which}的連線",
    "idle in a transaction for over {t}": "在交易中閒置超過 {t}",
    "blocking for over {t}": "阻塞他人超過 {t}",
    "the script's name is not a bare file name": "腳本名稱並非單純的檔案名稱",
    "no folder for {w}: set scripts in [recovery]": "未設定 {w} 的資料夾：請在 [recovery] 設定 scripts",
    "no such script: {file}": "沒有此腳本：{file}",
    "cannot look at {file}: {why}; this user must be able to reach and read it": (
        "無法讀取 {file}：{why}；此用戶必須可以讀取"
    ),
    "give this step what it wants to be let in, as headers": "請在此步驟的 headers 提供所需的憑證",
    "make it executable for heartbeat's user": "請讓 heartbeat 的用戶可以執行",
    "the CA file cannot be read": "無法讀取 CA 檔案",
    "the request cannot be made: {why}": "請求無法發出：{why}",
    "cannot look at {file}: {why}": "無法讀取 {file}：{why}",
    "{file} is not a folder": "{file} 不是資料夾",
    "{file} is not a regular file (links are not followed)": "{file} 不是普通檔案（不跟隨連結）",
    "{file} belongs to user id {n}; it must belong to root or to heartbeat's user": (
        "{file} 屬於用戶 {n}；必須屬於 root 或 heartbeat 的用戶"
    ),
    "{file} is writable for everybody; run chmod o-w on it": "{file} 人人可寫；請執行 chmod o-w",
    "{file} is not executable; run chmod +x on it": "{file} 不可執行；請執行 chmod +x",
    "cannot run {what}: its arguments or environment hold a NUL character": (
        "無法執行 {what}：參數或環境變數含 NUL 字元"
    ),
    "{w} did not finish within {n} s and was killed": "{w} 在 {n} 秒內未完成，已被終止",
    "{w} ended with exit code {n}: {said}": "{w} 以退出碼 {n} 結束：{said}",
    "{w} ended with exit code {n}": "{w} 以退出碼 {n} 結束",
    "{w} was ended by signal {n}: {said}": "{w} 被訊號 {n} 終止：{said}",
    "{w} was ended by signal {n}": "{w} 被訊號 {n} 終止",
    "url is not an http or https address": "url 不是 http 或 https 地址",
    "hook at {w}: no complete answer within {n} s": "{w} 的 hook：{n} 秒內沒有完整回應",
    "hook at {w} answered {n} (redirects are not followed)": "{w} 的 hook 回應 {n}（不跟隨轉址）",
    "its certificate or TLS is not accepted": "證書或 TLS 不獲接受",
    "the proxy does not let it through": "代理伺服器不予放行",
    "the request cannot be made": "請求無法發出",
    "host not found": "找不到主機",
    "no complete answer in time": "沒有及時的完整回應",
    "it has no #! line, so the system does not know how to run it": "沒有 #! 行，系統不知如何執行",
    "hook at {w} answered {n}: {said}": "{w} 的 hook 回應 {n}：{said}",
    "hook at {w} answered {n}": "{w} 的 hook 回應 {n}",
    "hook at {w}: {why}": "{w} 的 hook：{why}",
    "the connection broke off": "連線中斷",
    "heartbeat's own fault: {what}": "heartbeat 本身出錯：{what}",
}
