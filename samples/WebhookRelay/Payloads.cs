using System.Text.Json;
using System.Text.Json.Serialization;

namespace WebhookRelay;

/// <summary>What the code queue reads of a payload.</summary>
internal sealed record CodePayload(string? Ref, IReadOnlyList<JsonElement>? Commits, Topic? PullRequest, Account? Sender);

/// <summary>What the triage queue reads: one of the three is there.</summary>
internal sealed record TriagePayload(Topic? Issue, Topic? PullRequest, Topic? Discussion)
{
    [JsonIgnore]
    public Topic? Subject => Issue ?? PullRequest ?? Discussion;
}

/// <summary>What the builds queue reads: a status tells its state itself, the others have a part of their own.</summary>
internal sealed record BuildPayload(string? State, string? Context, Build? CheckRun, Build? CheckSuite, Build? WorkflowRun, Build? WorkflowJob, Build? DeploymentStatus);

/// <summary>What the security queue reads.</summary>
internal sealed record SecurityPayload(Alert? Alert, Advisory? SecurityAdvisory);

internal sealed record Topic(long Number, string? Title, Account? User);

internal sealed record Account(string? Login);

internal sealed record Build(string? Name, string? Status, string? Conclusion, string? State);

internal sealed record Alert(long Number, string? State, string? Severity);

internal sealed record Advisory(string? GhsaId, string? Severity, string? Summary);
