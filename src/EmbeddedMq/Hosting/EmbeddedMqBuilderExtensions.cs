using System.Text.Json;
using System.Text.Json.Serialization;
using EmbeddedMq.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddedMq;

/// <summary>What the embedded broker adds to the builder.</summary>
public static class EmbeddedMqBuilderExtensions
{
    /// <summary>Sets options of the embedded broker in code; they win over the configuration section <c>EmbeddedMq</c>.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets them.</param>
    public static IEmbeddedMqBuilder Configure(this IEmbeddedMqBuilder builder, Action<BrokerOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        HostedBuilder(builder).Services.Configure(builder.Name, configure);
        return builder;
    }

    /// <summary>Stores durable exchanges, queues, bindings, policies and persistent messages in a directory, so that they survive stop and crash.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="directory">The directory, made if it is not there; it is this broker's alone. A relative one begins at the process's current directory.</param>
    /// <param name="configure">Sets more; <see langword="null"/> for the defaults.</param>
    public static IEmbeddedMqBuilder UseStorage(this IEmbeddedMqBuilder builder, string directory, Action<StorageOptions>? configure = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(directory);
        return builder.Configure(options =>
        {
            options.Storage.Directory = directory;
            configure?.Invoke(options.Storage);
        });
    }

    /// <summary>Sets options of typed publishing and consuming in code; they win over the configuration section <c>EmbeddedMq</c>.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Sets them.</param>
    public static IEmbeddedMqBuilder ConfigureBus(this IEmbeddedMqBuilder builder, Action<MessageBusOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        HostedBuilder(builder).Services.Configure(builder.Name, configure);
        return builder;
    }

    /// <summary>Writes and reads bodies as JSON with source-generated contexts: no reflection, fit for trimming and native compilation.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="contexts">The contexts, for example <c>AppJsonContext.Default</c>, each with the options it was generated with.</param>
    public static IEmbeddedMqBuilder UseJson(this IEmbeddedMqBuilder builder, params JsonSerializerContext[] contexts)
    {
        ArgumentNullException.ThrowIfNull(builder);
        JsonMessageSerializer serializer = new(contexts);
        return builder.UseSerializer(_ => serializer);
    }

    /// <summary>Writes and reads bodies as JSON with given options.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="options">The options; they must have a resolver that knows the types.</param>
    public static IEmbeddedMqBuilder UseJson(this IEmbeddedMqBuilder builder, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(builder);
        JsonMessageSerializer serializer = new(options);
        return builder.UseSerializer(_ => serializer);
    }

    private static EmbeddedMqBuilder HostedBuilder(IEmbeddedMqBuilder builder)
        => builder as EmbeddedMqBuilder
            ?? throw new ArgumentException("Options are set here in AddEmbeddedMq only. Pass them to Broker.StartAsync and MessageBus.StartAsync instead.", nameof(builder));
}
