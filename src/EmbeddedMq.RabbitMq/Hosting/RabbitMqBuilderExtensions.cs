using EmbeddedMq.RabbitMq.Errors;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq;

/// <summary>Puts an application's broker on a RabbitMQ server.</summary>
public static class RabbitMqBuilderExtensions
{
    /// <summary>Works on a RabbitMQ server or cluster; everything else that was configured stays as it is.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="uri">The address, for example <c>amqp://user:password@host:5672/vhost</c>; <see langword="null"/>: from the configuration, else <c>localhost</c>.</param>
    /// <param name="configure">Changes the options, after configuration and address.</param>
    /// <remarks>The section <c>EmbeddedMq:RabbitMq</c> of the application's configuration is read, for a named broker
    /// <c>EmbeddedMq:Brokers:name:RabbitMq</c>; what code sets wins. A setting there that is none of <see cref="RabbitMqOptions"/> fails the start.</remarks>
    public static IEmbeddedMqBuilder UseRabbitMq(this IEmbeddedMqBuilder builder, string? uri = null, Action<RabbitMqOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        string name = builder.Name;
        return builder.UseEngine(async (services, cancellationToken) =>
        {
            RabbitMqOptions options = new()
            {
                TimeProvider = services.GetService<TimeProvider>() ?? TimeProvider.System,
                LoggerFactory = services.GetService<ILoggerFactory>(),
            };
            if (name.Length > 0)
            {
                options.Name = name;
            }

            string section = name.Length == 0 ? "EmbeddedMq:RabbitMq" : $"EmbeddedMq:Brokers:{name}:RabbitMq";
            if (services.GetService<IConfiguration>()?.GetSection(section) is { } settings)
            {
                ThrowIfUnknown(settings);
                settings.Bind(options);
            }

            options.Uri = uri ?? options.Uri;
            configure?.Invoke(options);
            return await RabbitMqBroker.StartAsync(options, cancellationToken).ConfigureAwait(false);
        });
    }

    private static void ThrowIfUnknown(IConfigurationSection settings)
    {
        string[] known = [.. typeof(RabbitMqOptions).GetProperties().Select(static property => property.Name)];
        if (settings.GetChildren().FirstOrDefault(setting => !known.Contains(setting.Key, StringComparer.OrdinalIgnoreCase)) is { } unknown)
        {
            throw RabbitMqErrors.UnknownSetting(unknown.Path, known);
        }
    }
}
