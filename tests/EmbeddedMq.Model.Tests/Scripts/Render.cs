using System.Globalization;

namespace EmbeddedMq.Model.Tests.Scripts;

/// <summary>The one form in which the model and an engine tell what they did, so that two answers are compared as texts.</summary>
internal static class Render
{
    /// <summary>Arguments of a declaration.</summary>
    public static string Arguments(HeaderTable arguments)
        => string.Concat(arguments.Select(static pair => string.Create(CultureInfo.InvariantCulture, $" {pair.Key}={pair.Value}")));

    /// <summary>A failed call.</summary>
    public static string Error(string kind, int code, string text) => $"{kind} {code} {text}";

    /// <summary>A delivery, from a consumer or from get.</summary>
    public static string Delivery(
        string id, string exchange, string key, ulong tag, string? consumerTag, bool redelivered, int failedDeliveries, int? priority, string? expiration, IEnumerable<string> deaths)
        => $"{id} tag {tag}{(consumerTag is null ? "" : $" for '{consumerTag}'")} exchange '{exchange}' key '{key}'{(redelivered ? " redelivered" : "")}"
            + $" failed {failedDeliveries}{(priority is null ? "" : $" priority {priority}")}{(expiration is null ? "" : $" expiration '{expiration}'")} deaths [{string.Join("; ", deaths)}]";

    /// <summary>One entry of the history of dead-lettering; <paramref name="second"/> counts from the script's start.</summary>
    public static string Death(string queue, string reason, long count, long second, string exchange, string key, string? expiration)
        => $"{reason} in '{queue}' x{count} at {second} s, exchange '{exchange}' key '{key}'{(expiration is null ? "" : $" expiration '{expiration}'")}";

    /// <summary>A queue's counts and totals.</summary>
    public static string Queue(
        string name, long ready, long bytes, long unacked, int waiting, int consumers, long enqueued, long acked, long requeued, long deadLettered, long dropped, long purged, long refused)
        => $"queue '{name}': ready {ready} ({bytes} bytes), unacked {unacked}, waiting {waiting}, consumers {consumers}; totals: enqueued {enqueued}, acked {acked}, "
            + $"requeued {requeued}, dead-lettered {deadLettered}, dropped {dropped}, purged {purged}, refused {refused}";

    /// <summary>What became of a publish.</summary>
    public static string Outcome(PublishResult result)
        => $"{result.Outcome} #{result.SequenceNumber}{(result.Outcome == PublishOutcome.Rejected ? $" ({result.RejectReason})" : "")}";
}
