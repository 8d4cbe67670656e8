using System.Text.Json;

namespace WebhookRelay;

/// <summary>A queue of the relay: the patterns that it is bound by, and the same said again in C#.</summary>
/// <param name="Name">Its name.</param>
/// <param name="BindingKeys">The patterns over <c>event.action.owner.repo</c>.</param>
/// <param name="Takes">Whether a webhook belongs in it. The broker never sees this: a replay checks the broker's routing against it.</param>
internal sealed record RelayQueue(string Name, string[] BindingKeys, Func<Webhook<JsonElement>, bool> Takes)
{
    public const string DeadLetters = "dead-letters";

    /// <summary>Everything.</summary>
    public static RelayQueue Archive { get; } = new("archive", ["#"], static _ => true);

    /// <summary>What changes code.</summary>
    public static RelayQueue Code { get; } = new(
        "code",
        ["push.#", "create.#", "delete.#", "pull_request.#"],
        static webhook => webhook.Event is "push" or "create" or "delete" or "pull_request");

    /// <summary>What somebody ought to look at.</summary>
    public static RelayQueue Triage { get; } = new(
        "triage",
        ["issues.opened.#", "issues.reopened.#", "pull_request.opened.#", "discussion.created.#"],
        static webhook => (webhook.Event, webhook.Action) is ("issues", "opened" or "reopened") or ("pull_request", "opened") or ("discussion", "created"));

    /// <summary>What builds and deploys report.</summary>
    public static RelayQueue Builds { get; } = new(
        "builds",
        ["check_run.#", "check_suite.#", "workflow_run.#", "workflow_job.#", "status.#", "deployment_status.#"],
        static webhook => webhook.Event is "check_run" or "check_suite" or "workflow_run" or "workflow_job" or "status" or "deployment_status");

    /// <summary>Alerts of every kind.</summary>
    public static RelayQueue Security { get; } = new(
        "security",
        ["code_scanning_alert.#", "dependabot_alert.#", "secret_scanning_alert.#", "repository_vulnerability_alert.#", "security_advisory.#"],
        static webhook => webhook.Event is "security_advisory" || webhook.Event.EndsWith("_alert", StringComparison.Ordinal));

    /// <summary>One project, whoever owns the fork.</summary>
    public static RelayQueue HelloWorld { get; } = new(
        "hello-world",
        [$"*.*.*.{RoutingKey.Word("Hello-World")}"],
        static webhook => webhook.Repository?.EndsWith("/Hello-World", StringComparison.Ordinal) == true);

    /// <summary>What is about no repository: organizations, teams, sponsors, applications.</summary>
    public static RelayQueue Accounts { get; } = new(
        "accounts",
        [$"*.*.{RoutingKey.Missing}.{RoutingKey.Missing}"],
        static webhook => webhook.Repository is null);

    public static IReadOnlyList<RelayQueue> All { get; } = [Archive, Code, Triage, Builds, Security, HelloWorld, Accounts];
}
