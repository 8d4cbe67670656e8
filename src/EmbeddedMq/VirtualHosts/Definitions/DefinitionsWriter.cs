using System.Text.Encodings.Web;
using System.Text.Json;
using EmbeddedMq.Queues;

namespace EmbeddedMq.VirtualHosts;

/// <summary>Writes definitions as RabbitMQ does, so that both brokers can read them.</summary>
/// <remarks>
/// Left out, as by RabbitMQ: the default exchange and its bindings, exchanges whose name begins with <c>amq.</c>, and exclusive queues, with
/// their bindings. Unlike RabbitMQ, internal exchanges are written: without them their bindings could not be read back. A server-named
/// queue that is not exclusive is written, and skipped when the file is read, as RabbitMQ does.
/// </remarks>
internal static class DefinitionsWriter
{
    // Names in any script stay readable; the file is JSON, not HTML.
    private static readonly JsonWriterOptions Options = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes definitions.</summary>
    /// <param name="destination">Where to, as UTF-8; stays open.</param>
    /// <param name="definitions">The definitions.</param>
    /// <param name="cancellationToken">Stops the writing.</param>
    /// <exception cref="EmbeddedMqException">An argument has no place in JSON: a number that is not finite, or bytes that are not UTF-8.</exception>
    internal static async ValueTask WriteAsync(Stream destination, Definitions definitions, CancellationToken cancellationToken = default)
    {
        Utf8JsonWriter writer = new(destination, Options);
        await using (writer.ConfigureAwait(false))
        {
            writer.WriteStartObject();
            writer.WriteString("product_name", "EmbeddedMq");
            writer.WriteString("product_version", typeof(DefinitionsWriter).Assembly.GetName().Version?.ToString(3));
            await WriteSectionAsync<VirtualHostDefinition>(
                writer, "vhosts", definitions, static host => [host], WriteVirtualHost, cancellationToken).ConfigureAwait(false);
            await WriteSectionAsync<Policy>(
                writer, "policies", definitions, static host => host.Policies, WritePolicy, cancellationToken).ConfigureAwait(false);
            await WriteSectionAsync<ExchangeDeclaration>(
                writer, "exchanges", definitions, static host => host.Exchanges.Where(IsWritten), WriteExchange, cancellationToken).ConfigureAwait(false);
            await WriteSectionAsync<QueueDeclaration>(
                writer, "queues", definitions, static host => host.Queues.Where(IsWritten), WriteQueue, cancellationToken).ConfigureAwait(false);
            await WriteSectionAsync<BindingDescription>(
                writer, "bindings", definitions, WrittenBindings, WriteBinding, cancellationToken).ConfigureAwait(false);
            writer.WriteEndObject();
            await writer.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private static async ValueTask WriteSectionAsync<T>(
        Utf8JsonWriter writer,
        string key,
        Definitions definitions,
        Func<VirtualHostDefinition, IEnumerable<T>> select,
        Action<Utf8JsonWriter, VirtualHostDefinition, T> write,
        CancellationToken cancellationToken)
    {
        const int FlushAtBytes = 64 * 1024;
        writer.WriteStartArray(key);
        foreach (VirtualHostDefinition host in definitions.VirtualHosts)
        {
            foreach (T item in select(host))
            {
                writer.WriteStartObject();
                write(writer, host, item);
                writer.WriteEndObject();
                if (writer.BytesPending >= FlushAtBytes)
                {
                    await writer.FlushAsync(cancellationToken).ConfigureAwait(false);
                }
            }
        }

        writer.WriteEndArray();
    }

    private static void WriteVirtualHost(Utf8JsonWriter writer, VirtualHostDefinition host, VirtualHostDefinition same)
        => writer.WriteString("name", host.Name);

    private static void WritePolicy(Utf8JsonWriter writer, VirtualHostDefinition host, Policy policy)
    {
        writer.WriteString("vhost", host.Name);
        writer.WriteString("name", policy.Name);
        writer.WriteString("pattern", policy.Pattern);
        writer.WriteString("apply-to", policy.ApplyTo.ToName());
        WriteTable(writer, "definition", policy.Definition, $"policy '{policy.Name}' in vhost '{host.Name}'");
        writer.WriteNumber("priority", policy.Priority);
    }

    private static void WriteExchange(Utf8JsonWriter writer, VirtualHostDefinition host, ExchangeDeclaration exchange)
    {
        writer.WriteString("name", exchange.Name);
        writer.WriteString("vhost", host.Name);
        writer.WriteString("type", exchange.Type);
        writer.WriteBoolean("durable", exchange.IsDurable);
        writer.WriteBoolean("auto_delete", exchange.IsAutoDelete);
        writer.WriteBoolean("internal", exchange.IsInternal);
        WriteTable(writer, "arguments", exchange.Arguments, $"exchange '{exchange.Name}' in vhost '{host.Name}'");
    }

    private static void WriteQueue(Utf8JsonWriter writer, VirtualHostDefinition host, QueueDeclaration queue)
    {
        writer.WriteString("name", queue.Name);
        writer.WriteString("vhost", host.Name);
        writer.WriteString("type", QueueArguments.KindOf(queue) == QueueKind.Quorum ? "quorum" : "classic");
        writer.WriteBoolean("durable", queue.IsDurable);
        writer.WriteBoolean("auto_delete", queue.IsAutoDelete);
        WriteTable(writer, "arguments", queue.Arguments, $"queue '{queue.Name}' in vhost '{host.Name}'");
    }

    private static void WriteBinding(Utf8JsonWriter writer, VirtualHostDefinition host, BindingDescription binding)
    {
        writer.WriteString("source", binding.Source);
        writer.WriteString("vhost", host.Name);
        writer.WriteString("destination", binding.Destination);
        writer.WriteString("destination_type", binding.DestinationKind == DestinationKind.Queue ? "queue" : "exchange");
        writer.WriteString("routing_key", binding.RoutingKey);
        WriteTable(writer, "arguments", binding.Arguments, $"binding '{binding.Source}' to '{binding.Destination}' in vhost '{host.Name}'");
    }

    private static void WriteTable(Utf8JsonWriter writer, string key, HeaderTable table, string place)
    {
        writer.WritePropertyName(key);
        DefinitionValues.WriteTable(writer, table, $"{place}: {key}");
    }

    private static bool IsWritten(ExchangeDeclaration exchange)
        => exchange.Name.Length > 0 && !exchange.Name.StartsWith("amq.", StringComparison.Ordinal);

    private static bool IsWritten(QueueDeclaration queue) => !queue.IsExclusive;

    private static IEnumerable<BindingDescription> WrittenBindings(VirtualHostDefinition host)
    {
        HashSet<string> exclusiveQueues = new(host.Queues.Where(static queue => queue.IsExclusive).Select(static queue => queue.Name), StringComparer.Ordinal);
        return host.Bindings.Where(binding
            => binding.Source.Length > 0 && !(binding.DestinationKind == DestinationKind.Queue && exclusiveQueues.Contains(binding.Destination)));
    }
}
