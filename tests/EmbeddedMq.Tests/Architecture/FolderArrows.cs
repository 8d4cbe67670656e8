namespace EmbeddedMq.Tests.Architecture;

/// <summary>Says which folder may reach which. An arrow is transitive: who may reach Channels may reach what Channels may reach.</summary>
internal sealed class FolderArrows
{
    /// <summary>Everyone may reach them; among the folders they reach only one another.</summary>
    public static readonly string[] Leaves = ["Messages", "Errors", "Diagnostics", "Threading"];

    /// <summary>The arrows of src/EmbeddedMq, the leaves left out. A new folder gets its line here, and with it its place.</summary>
    /// <remarks>
    /// Two calls run against the arrows, each through an interface that the caller owns, and so need no line: a queue dead-letters to
    /// <c>IDeadLetterTarget</c>, declared in Queues and implemented in VirtualHosts; a consumer takes tags and credit from
    /// <c>IDeliveryLedger</c>, declared in Consumers and implemented in Channels.
    /// </remarks>
    public static readonly FolderArrows OfTheBroker = new(new Dictionary<string, string[]>
    {
        ["Hosting"] = ["Handlers", "Connections", "Outbox", "Idempotence"], // the root that puts the parts together
        ["Handlers"] = [],                                                  // a client of Abstractions: not even the journal
        ["Connections"] = ["Channels"],
        ["Channels"] = ["VirtualHosts"],
        ["VirtualHosts"] = ["Exchanges", "Queues"],
        ["Exchanges"] = ["Bindings", "Storage"],
        ["Queues"] = ["Bindings", "Consumers", "Storage"],
        ["Bindings"] = [],
        ["Consumers"] = [],
        ["Outbox"] = ["Channels"],
        ["Idempotence"] = ["Channels", "Outbox"],
        ["Storage"] = ["Journal"],                                          // what is stored, as records
        ["Journal"] = [],
    });

    private readonly Dictionary<string, HashSet<string>> _reachable = [];

    public FolderArrows(IReadOnlyDictionary<string, string[]> arrows)
    {
        foreach (string folder in arrows.Keys)
        {
            _reachable[folder] = [folder, .. Leaves];
            AddReachable(folder, _reachable[folder]);
        }

        foreach (string leaf in Leaves)
        {
            _reachable[leaf] = [.. Leaves];
        }

        void AddReachable(string folder, HashSet<string> reachable)
        {
            foreach (string next in arrows[folder])
            {
                if (reachable.Add(next))
                {
                    AddReachable(next, reachable);
                }
            }
        }
    }

    public IEnumerable<string> Folders => _reachable.Keys;

    /// <summary>A file beside the folders belongs to none, and may reach the leaves only.</summary>
    public bool Allows(string fromFolder, string toFolder)
        => _reachable.TryGetValue(fromFolder, out HashSet<string>? reachable) ? reachable.Contains(toFolder) : Leaves.Contains(toFolder);
}
