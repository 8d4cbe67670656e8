using System.Text.Json;
using EmbeddedMq.Errors;

namespace EmbeddedMq.VirtualHosts;

/// <summary>Judges the parts of a definitions file that the broker does not have: passed over when nothing changes by that, else an error.</summary>
/// <remarks>
/// <list type="table">
/// <listheader><term>Part</term><description>Judgement</description></listheader>
/// <item><term>versions, product, cluster name, explanation</term><description>passed over</description></item>
/// <item><term>users</term><description>passed over: there is no user store, and who is in the process is trusted; their limits are an
/// error</description></item>
/// <item><term>permissions, topic permissions</term><description>passed over where they permit all (<c>.*</c>), else an error, since the
/// broker would permit more than the file</description></item>
/// <item><term>parameters (shovel, federation, limits, operator policies)</term><description>an error</description></item>
/// <item><term>global parameters</term><description>passed over for the cluster's name and tags, else an error</description></item>
/// <item><term>virtual hosts: description, tags</term><description>passed over</description></item>
/// <item><term>virtual hosts: limits, tracing, protection, default queue type but classic</term><description>an error</description></item>
/// <item><term>anything else that is not empty</term><description>an error</description></item>
/// </list>
/// </remarks>
internal static class ForeignDefinitions
{
    private const string RemoveIt = "remove it from the file";
    private const string PermitAll = "they permit all, as the broker does";
    private const string AllNames = ".*";

    private static readonly string[] Descriptions =
    [
        "rabbit_version", "rabbitmq_version", "product_name", "product_version", "rabbitmq_definition_format", "original_cluster_name",
        "original_vhost_name", "explanation", "metadata",
    ];

    private static readonly string[] OwnSections = ["vhosts", "exchanges", "queues", "bindings", "policies"];

    private static readonly string[] DescribingGlobalParameters = ["cluster_name", "internal_cluster_id", "cluster_tags", "imported_definition_hash_value"];

    /// <summary>Judges every top-level key that is not one of ours.</summary>
    /// <param name="root">The file.</param>
    /// <param name="errors">Takes the errors.</param>
    /// <param name="ignored">Takes what is passed over.</param>
    internal static void Check(JsonElement root, List<string> errors, List<string> ignored)
    {
        try
        {
            foreach (JsonProperty property in root.EnumerateObject())
            {
                if (!OwnSections.Contains(property.Name) && !Descriptions.Contains(property.Name) && !DefinitionEntry.SaysNothing(property.Value))
                {
                    CheckSection(property.Name, property.Value, errors, ignored);
                }
            }
        }
        catch (InvalidOperationException error)
        {
            errors.Add(error.Message); // a text that is not Unicode, as in DefinitionsReader
        }
    }

    /// <summary>Judges what a virtual host has beside its name.</summary>
    /// <param name="entry">The virtual host.</param>
    /// <param name="ignored">Takes what is passed over.</param>
    internal static void CheckVirtualHost(DefinitionEntry entry, List<string> ignored)
    {
        if (entry.Find("limits") is { } limits && !DefinitionEntry.SaysNothing(limits))
        {
            entry.AddNotSupported("'limits'", RemoveIt);
        }

        CheckVirtualHostSettings(entry, entry.Find);
        if (entry.Find("metadata") is { ValueKind: JsonValueKind.Object } metadata)
        {
            CheckVirtualHostSettings(entry, key => metadata.TryGetProperty(key, out JsonElement value) ? value : null);
        }

        entry.RefuseOthers("name", "limits", "metadata", "description", "tags", "tracing", "protected_from_deletion", "default_queue_type");
        if (entry.Find("metadata") is not null || entry.Find("description") is not null || entry.Find("tags") is not null)
        {
            ignored.Add(MqErrors.DefinitionFault(entry.Place, "description, tags and other metadata are not kept"));
        }
    }

    private static void CheckVirtualHostSettings(DefinitionEntry entry, Func<string, JsonElement?> find)
    {
        if (find("tracing") is { ValueKind: JsonValueKind.True })
        {
            entry.AddNotSupported("'tracing'", RemoveIt);
        }

        if (find("protected_from_deletion") is { ValueKind: JsonValueKind.True })
        {
            entry.AddNotSupported("'protected_from_deletion'", RemoveIt);
        }

        if (find("default_queue_type") is { ValueKind: JsonValueKind.String } type
            && type.GetString() is not ("classic" or "rabbit_classic_queue" or "undefined" or ""))
        {
            entry.AddNotSupported($"the default queue type '{type.GetString()}'", "declare queues with x-queue-type, and remove it from the file");
        }
    }

    private static void CheckSection(string key, JsonElement section, List<string> errors, List<string> ignored)
    {
        switch (key)
        {
            case "users":
                CheckEach(key, section, CheckUser, "there is no user store; whoever is in the process may connect", errors, ignored);
                break;
            case "permissions":
                CheckEach(key, section, static entry => CheckPermission(entry, "configure", "write", "read"), PermitAll, errors, ignored);
                break;
            case "topic_permissions":
                CheckEach(key, section, static entry => CheckPermission(entry, "write", "read"), PermitAll, errors, ignored);
                break;
            case "global_parameters":
                CheckEach(key, section, CheckGlobalParameter, "they describe a cluster", errors, ignored);
                break;
            case "parameters":
                CheckEach(key, section, CheckParameter, "", errors, ignored);
                break;
            default:
                errors.Add(MqErrors.DefinitionKeyUnknown("the file", key));
                break;
        }
    }

    private static void CheckEach(string key, JsonElement section, Action<DefinitionEntry> check, string why, List<string> errors, List<string> ignored)
    {
        int errorsBefore = errors.Count;
        int count = 0;
        foreach (DefinitionEntry entry in DefinitionEntry.ReadAll(section, key, errors))
        {
            check(entry);
            count++;
        }

        if (errors.Count == errorsBefore)
        {
            ignored.Add(MqErrors.DefinitionFault(key, $"{count} passed over: {why}"));
        }
    }

    private static void CheckUser(DefinitionEntry entry)
    {
        entry.DescribeAs($"user '{entry.Text("name", "")}'");
        if (entry.Find("limits") is { } limits && !DefinitionEntry.SaysNothing(limits))
        {
            entry.AddNotSupported("'limits'", RemoveIt);
        }
    }

    private static void CheckPermission(DefinitionEntry entry, params ReadOnlySpan<string> kinds)
    {
        entry.DescribeAs($"user '{entry.Text("user", "")}' in vhost '{entry.Text("vhost", "")}'");
        foreach (string kind in kinds)
        {
            string pattern = entry.Text(kind, "");
            if (pattern != AllNames)
            {
                entry.AddNotSupported($"the restriction '{kind}': '{pattern}'", "remove it from the file, and with it the restriction");
            }
        }
    }

    private static void CheckGlobalParameter(DefinitionEntry entry)
    {
        string name = entry.Text("name", "");
        if (!DescribingGlobalParameters.Contains(name))
        {
            entry.AddNotSupported($"the global parameter '{name}'", RemoveIt);
        }
    }

    private static void CheckParameter(DefinitionEntry entry)
        => entry.AddNotSupported($"the component '{entry.Text("component", "")}' ('{entry.Text("name", "")}' in vhost '{entry.Text("vhost", "")}')", RemoveIt);
}
