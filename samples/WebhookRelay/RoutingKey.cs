namespace WebhookRelay;

/// <summary>Routing keys <c>event.action.owner.repo</c>, always of four words.</summary>
/// <remarks>
/// <para>A missing part is <see cref="Missing"/>, so that a pattern can count on the places: <c>push.-.octocat.Hello-World</c>.</para>
/// <para>A dot parts words, so one within a name is written <c>%2E</c>, and <c>%</c> itself <c>%25</c>: <c>node.js</c> becomes
/// <c>node%2Ejs</c>. Unlike replacing dots by underscores this keeps <c>node.js</c> and <c>node_js</c> apart and can be read back.</para>
/// </remarks>
internal static class RoutingKey
{
    /// <summary>Stands for a part that is not there. No owner on GitHub is called so.</summary>
    public const string Missing = "-";

    public static string Of<TPayload>(Webhook<TPayload> webhook)
    {
        string[] repository = webhook.Repository?.Split('/', 2) ?? [];
        return string.Join('.', Word(webhook.Event), Word(webhook.Action), Word(repository.ElementAtOrDefault(0)), Word(repository.ElementAtOrDefault(1)));
    }

    /// <summary>One part of a key, for bindings too: <c>$"*.*.*.{Word("node.js")}"</c>.</summary>
    public static string Word(string? part) => string.IsNullOrEmpty(part)
        ? Missing
        : part.Replace("%", "%25", StringComparison.Ordinal).Replace(".", "%2E", StringComparison.Ordinal);
}
