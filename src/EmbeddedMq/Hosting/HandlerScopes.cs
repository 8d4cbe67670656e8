using System.Reflection;
using EmbeddedMq.Handlers.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddedMq.Hosting;

/// <summary>Finds out which handler classes need a scope to be resolved: making one for each message costs more than handing the message over.</summary>
/// <remarks>
/// <para>None is needed for a singleton, nor for a transient class that is made of singletons only and has nothing to be ended: whoever resolves
/// it, it is a new object of the same parts. All else is resolved from the scope of its message, as is everything where another container than
/// Microsoft's resolves, which may have lifetimes of its own. A handler that asks for <see cref="IMessageContext.Services"/> has its scope all the same.</para>
/// </remarks>
internal static class HandlerScopes
{
    /// <summary>Whether a class is to be resolved from a scope.</summary>
    /// <param name="handler">The class.</param>
    /// <param name="services">What was registered.</param>
    /// <param name="provider">What was made of that.</param>
    internal static bool AreNeededFor(Type handler, IServiceCollection services, IServiceProvider provider)
    {
        if (!HandlerCheck.IsOfMicrosoft(provider) || HandlerCheck.Find(services, handler) is not { } descriptor)
        {
            return true;
        }

        return descriptor.Lifetime switch
        {
            ServiceLifetime.Singleton => false,
            ServiceLifetime.Transient => descriptor.ImplementationType is not { } implementation || !IsMadeOfSingletons(implementation.GetConstructors(), services)
                || typeof(IDisposable).IsAssignableFrom(implementation) || typeof(IAsyncDisposable).IsAssignableFrom(implementation),
            _ => true,
        };
    }

    // Of several constructors the container chooses by what it can resolve; of parameters with attributes, by these.
    private static bool IsMadeOfSingletons(ConstructorInfo[] constructors, IServiceCollection services)
        => constructors is [ConstructorInfo only] && only.GetParameters().All(parameter => parameter.CustomAttributes.All(IsOfCompiler) && IsSingleton(parameter.ParameterType, services));

    private static bool IsOfCompiler(CustomAttributeData attribute) => attribute.AttributeType.Namespace == "System.Runtime.CompilerServices";

    private static bool IsSingleton(Type type, IServiceCollection services)
        => (HandlerCheck.Find(services, type) ?? (type.IsConstructedGenericType ? HandlerCheck.Find(services, type.GetGenericTypeDefinition()) : null)) is { Lifetime: ServiceLifetime.Singleton };
}
