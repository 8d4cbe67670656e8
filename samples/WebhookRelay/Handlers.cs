using EmbeddedMq;

namespace WebhookRelay;

/// <summary>Handles one queue's webhooks: says in a line what happened, and counts it.</summary>
/// <remarks>The count comes last: what failed before it is not handled.</remarks>
internal abstract class RelayHandler<TPayload>(Tally tally, ILogger logger) : IMessageHandler<Webhook<TPayload>>
{
    public ValueTask HandleAsync(Webhook<TPayload> message, IMessageContext context, CancellationToken cancellationToken)
    {
        if (logger.IsEnabled(LogLevel.Information))
        {
            logger.LogInformation("{Queue}: {Event} {Action} in {Repository}: {Digest}", context.Queue, message.Event, message.Action, message.Repository, Digest(message));
        }

        tally.Add(context.Queue, message.Event, message.Id);
        return ValueTask.CompletedTask;
    }

    protected abstract string Digest(Webhook<TPayload> webhook);
}

internal sealed class CodeHandler(Tally tally, ILogger<CodeHandler> logger) : RelayHandler<CodePayload>(tally, logger)
{
    protected override string Digest(Webhook<CodePayload> webhook) => webhook.Payload switch
    {
        { PullRequest: { } pull } => $"#{pull.Number} '{pull.Title}' by {pull.User?.Login}",
        { Commits: { } commits } => $"{commits.Count} commits to {webhook.Payload.Ref} by {webhook.Payload.Sender?.Login}",
        _ => $"{webhook.Payload.Ref} by {webhook.Payload.Sender?.Login}",
    };
}

internal sealed class TriageHandler(Tally tally, ILogger<TriageHandler> logger) : RelayHandler<TriagePayload>(tally, logger)
{
    protected override string Digest(Webhook<TriagePayload> webhook)
        => webhook.Payload.Subject is { } subject ? $"#{subject.Number} '{subject.Title}' by {subject.User?.Login}" : "no subject";
}

internal sealed class BuildHandler(Tally tally, ILogger<BuildHandler> logger) : RelayHandler<BuildPayload>(tally, logger)
{
    protected override string Digest(Webhook<BuildPayload> webhook)
    {
        BuildPayload payload = webhook.Payload;
        Build? build = payload.CheckRun ?? payload.CheckSuite ?? payload.WorkflowRun ?? payload.WorkflowJob ?? payload.DeploymentStatus;
        return $"{build?.Name ?? payload.Context} {build?.Conclusion ?? build?.Status ?? build?.State ?? payload.State}";
    }
}

internal sealed class SecurityHandler(Tally tally, ILogger<SecurityHandler> logger) : RelayHandler<SecurityPayload>(tally, logger)
{
    protected override string Digest(Webhook<SecurityPayload> webhook) => webhook.Payload switch
    {
        { SecurityAdvisory: { } advisory } => $"{advisory.GhsaId} {advisory.Severity}: {advisory.Summary}",
        { Alert: { } alert } => $"alert {alert.Number} {alert.State} {alert.Severity}",
        _ => "no alert",
    };
}
