"""What a fault means and what to do about it, in Traditional Chinese; `words_zh_hk` is the whole catalogue."""

DESCRIPTIONS = {
    "agent": "代理的健康檢查地址沒有正常回應。",
    "database": "PostgreSQL 沒有正常回應。",
    "docker": "容器沒有正常運行。",
    "service": "systemd 單元沒有正常運行。",
    "host": "主機資源即將耗盡。",
    "tcp": "連接埠沒有正常回應。",
    "command": "檢查指令報告有問題。",
    "push": "它沒有按時報告仍在運作，或上次執行失敗。",
    "slow": "它有回應，但比應有的慢。",
    "degraded": "它仍在運作，但發出了警告。",
    "escalated": "早前已通知其他人；至今未恢復，亦無人確認。",
    "reminder": "早前已通知，情況至今沒有改變。",
    "recovery_failed": "heartbeat 可以做的都已做過，但仍未恢復正常。",
    "recovery_denied": "heartbeat 知道怎樣修復，但沒有所需的權限。",
    "recovery_braked": "重新啟動次數已達設定上限，再試只會有害。",
    "recovery_held": "heartbeat 有理由不重啟它；原因見最後一行。",
    "missed_runs": "兩次執行之間出現空檔，期間沒有進行任何檢查。",
    "clock_suspect": "期間照常檢查各組件和報告故障，但不會清理舊記錄，亦不會因逾時而結束事故。",
    "observer_blind": "所有遠端組件均無回應，即問題出於本機或其網絡；期間不判斷遠端組件的狀況。",
    "observer_silent": "另一部負責監察的主機已有一段時間沒有任何記錄。",
    "unconfirmed": "暫不視為故障，亦不會重新啟動：設定的 quorum 要求更多主機確認。",
    "lock_held": "較早啟動的 heartbeat 尚未結束，而每部主機同一時間只可有一個在工作；期間不會進行任何檢查。",
    "unobserved": "heartbeat 本身無法檢查它，因此無人知道它是否正常；即使故障亦不會被發現。",
    "store_unreachable": "heartbeat 用來存放記錄的資料庫沒有回應。",
    "observed_again": "目前狀態請見 heartbeat status。",
    "lock_free": "鎖被佔用期間沒有進行任何檢查。",
    "store_went_back": "heartbeat 用來存放記錄的資料庫，記錄比上次執行時少。",
}

RECOMMENDATIONS = {
    "agent": (
        "檢查代理的進程是否仍在運行。",
        "查看代理由首次失敗起的日誌。",
        "重新啟動代理：{restart}。",
        "檢查 {observer} 與代理地址之間的網絡。",
    ),
    "database": (
        "檢查 postgres 進程是否仍在運行。",
        "查看 PostgreSQL 日誌。",
        "檢查資料庫容器：docker ps -a、docker logs。",
        "檢查資料目錄的剩餘磁碟空間：df -h。",
        "找到原因後重新啟動資料庫。",
    ),
    "docker": (
        "查看容器狀態：docker inspect {target}。",
        "查看容器日誌：docker logs --tail 100 {target}。",
        "檢查主機的記憶體、CPU 和磁碟。",
        "重新啟動容器：docker restart {target}。",
    ),
    "service": (
        "查看單元狀態：systemctl status {target}。",
        "查看單元日誌：journalctl -u {target}。",
        "重新啟動單元：systemctl restart {target}。",
    ),
    "host": (
        "找出佔用最多資源的程序：top、df -h、du -x。",
        "停止或搬走不需要的東西。",
        "如經常發生，請考慮升級主機。",
    ),
    "tcp": (
        "檢查伺服器是否在監聽：ss -ltnp。",
        "檢查途中的防火牆和網絡。",
    ),
    "command": (
        "人手執行該指令並閱讀完整輸出。",
        "修正它指出的問題，或修正指令本身。",
    ),
    "push": (
        "檢查該工作是否仍在執行，以及上次執行時間。",
        "查看其日誌，並嘗試人手執行。",
    ),
    "recovery_denied": (
        "為 heartbeat 的用戶授予上述權限，或人手重新啟動。",
        "以該用戶試行：heartbeat recover --component {id}。",
    ),
    "recovery_braked": (
        "找出它不能維持運作的原因：由首次失敗起查看日誌。",
        "解決後執行：heartbeat recover --component {id} --force。",
    ),
    "recovery_held": (
        "了解不作處理的原因：可能是有人故意停止它，或者它只是間歇失敗。",
        "如應該運行：heartbeat recover --component {id} --force。",
    ),
    "missed_runs": (
        "檢查 cron 是否運行：systemctl status cron、heartbeat doctor。",
        "檢查主機曾否休眠、關機或過於繁忙：uptime、last reboot。",
    ),
    "clock_suspect": (
        "比較本機與儲存庫主機的時間：date、timedatectl、chronyc tracking。",
        "校正時間，並確保時間同步服務正常：systemctl status chrony systemd-timesyncd。",
        "如時間正確，只是主機曾關機數日：毋須處理，執行一小時後便會恢復信任。",
    ),
    "observer_blind": (
        "檢查本機網絡：ip addr、ip route、resolvectl status。",
        "從另一處查看各組件。",
    ),
    "observer_silent": (
        "檢查該主機是否運行，以及能否連上儲存庫。",
        "在該主機執行：systemctl status cron、heartbeat doctor。",
        "如該主機不再使用：heartbeat observers --forget {id}。",
    ),
    "unconfirmed": (
        "親自查看，最好從另一處查看。",
        "讓其他主機恢復監察：heartbeat observers 列出各主機的情況。",
        "如某主機不再使用，請調低 `quorum`，或人手重啟：heartbeat recover --component {id} --force。",
    ),
    "lock_held": (
        "查看上述進程：它正在工作（清理舊記錄、補交大量記錄），還是已經卡住？",
        "如已卡住，請終止它：先用 kill，再用 kill -9。未完成的工作由下一次執行接手。",
        "找出卡住的原因：沒有回應的檔案系統、被暫停的進程、除錯工具。",
    ),
    "database_unobserved": (
        "試用 heartbeat 的登入帳戶：heartbeat check --component {id}，或以其 dsn 執行 psql。",
        "檢查該角色：psql -c '\\du'，以及 LOGIN 權限、密碼和 pg_hba.conf。",
        "期間請親自檢查資料庫：沒有其他人在監察。",
    ),
    "docker_unobserved": (
        "檢查 Docker daemon 是否運行：systemctl status docker、docker info。",
        "檢查 heartbeat 的用戶能否連上它：id、ls -l /var/run/docker.sock。",
        "期間請親自檢查容器：docker ps -a。",
    ),
    "unobserved": (
        "閱讀上述原因，並在 {observer} 上重試：heartbeat check --component {id}。",
        "檢查所需的權限、檔案和程式：heartbeat doctor。",
        "期間請親自檢查該組件：沒有其他人在監察。",
    ),
    "store_unreachable": (
        "檢查 [heartbeat] store 所指的資料庫是否運行和可以連上：heartbeat doctor。",
        "期間的記錄不會遺失：先存於本機，稍後補交。",
    ),
    "store_went_back": (
        "如剛從備份還原，無需處理：備份之後的記錄不會在報告中出現。",
        "如非還原，請查明是誰更換或清空了它，並從備份還原：heartbeat doctor 會顯示其位置。",
    ),
    "database_degraded": (
        "查看哪些連線互相等待：select pid, pg_blocking_pids(pid), query from pg_stat_activity。",
        "終止阻塞其他人的連線：select pg_terminate_backend(pid)。",
        "檢查應用程式的連線數目和長時間的交易。",
    ),
    "degraded": (
        "閱讀警告內容；它仍在運作。",
        "在變成故障之前處理好。",
    ),
    "slow": (
        "檢查進程的 CPU 和記憶體用量。",
        "檢查所載入模型的大小。",
        "檢查系統負載。",
    ),
}
